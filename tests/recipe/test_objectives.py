"""Objectives, constraints and the rule that picks the winner."""

from __future__ import annotations

import math
from typing import Any

import pytest

from armtune.errors import RunError
from armtune.pruners._rungs import Standing
from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Choice, Constraint, Goals, Objective, augmented_chebyshev

FRONT = [
    {"accuracy": 0.96, "gap": 0.50},
    {"accuracy": 0.95, "gap": 0.15},
    {"accuracy": 0.80, "gap": 0.10},
]


def test_objective() -> None:
    objective = Objective.parse("  minimize   contribution_gap ")
    assert (objective.metric, objective.direction) == ("contribution_gap", "minimize")
    assert objective.loss({"contribution_gap": 0.25}) == 0.25
    assert Objective.parse("maximize accuracy").loss({"accuracy": 0.75}) == -0.75
    assert str(objective) == "minimize contribution_gap"


@pytest.mark.parametrize("text", ["", "accuracy", "max accuracy", "maximize", "maximize a b"])
def test_no_objective(text: str) -> None:
    with pytest.raises(ValueError, match=r"^write 'maximize METRIC' or 'minimize METRIC', not "):
        Objective.parse(text)


@pytest.mark.parametrize(
    ("text", "value", "violation"),
    [
        ("a >= 0.4", 0.4, 0.0),
        ("a >= 0.4", 0.3, 0.1),
        ("a<=-1e-1", 0.0, 0.1),
        ("a <= .5", 0.25, 0.0),
        ("a >= 0", math.nan, math.inf),
        ("a <= 1", math.inf, math.inf),
    ],
)
def test_violation(text: str, value: float, violation: float) -> None:
    assert Constraint.parse(text).violation({"a": value}) == pytest.approx(violation, abs=1e-12)


@pytest.mark.parametrize("text", ["a > 1", "a == 1", "a >= b", "a >= .inf", "1 <= a", "a >= 1e999"])
def test_no_constraint(text: str) -> None:
    with pytest.raises(ValueError, match=r"^write 'METRIC >= NUMBER' or 'METRIC <= NUMBER', not "):
        Constraint.parse(text)


@pytest.mark.parametrize("text", ["a >= 0.4", "contribution/audio <= -3", "a >= 1e-05"])
def test_a_constraint_reads_back_from_its_text(text: str) -> None:
    assert str(Constraint.parse(text)) == text


AXES = (Objective("accuracy", "maximize"), Objective("gap", "minimize"))


@pytest.mark.parametrize(
    ("rule", "winner"),
    [
        ("highest accuracy", 0),
        ("lowest gap", 2),
        ("knee", 1),
        ("highest accuracy where gap <= 0.2", 1),
        ("highest accuracy where gap <= 0.2 and accuracy <= 0.9", 2),
        ("knee where accuracy <= 0.9", 2),
        ("lowest gap where accuracy >= 0.99", None),
        ("highest accuracy where unknown >= 0", None),
    ],
)
def test_choice(rule: str, winner: int | None) -> None:
    assert Choice.parse(rule, AXES).pick(FRONT) == winner


def test_choice_passes_over_what_was_not_measured() -> None:
    candidates = [{"accuracy": math.nan}, {"gap": 0.0}, {"accuracy": 0.5}, {"accuracy": 0.5}]
    assert Choice.parse("highest accuracy").pick(candidates) == 2
    assert Choice.parse("highest accuracy").pick([]) is None


def test_the_knee_of_equal_points_is_the_first() -> None:
    assert Choice.parse("knee", AXES).pick([FRONT[0], FRONT[0]]) == 0


def test_the_knee_does_not_depend_on_units() -> None:
    scaled = [{"accuracy": 100 * m["accuracy"], "gap": m["gap"] / 7} for m in FRONT]
    assert Choice.parse("knee", AXES).pick(scaled) == 1


@pytest.mark.parametrize("text", ["", "best accuracy", "highest", "highest a where", "knee of a"])
def test_no_choice(text: str) -> None:
    with pytest.raises(ValueError, match=r"^write 'highest METRIC', 'lowest METRIC' or 'knee'"):
        Choice.parse(text)


def test_the_metrics_a_choice_reads() -> None:
    assert Choice.parse("highest a where b <= 1 and c >= 2").metrics == ["a", "b", "c"]


@pytest.fixture
def goals(make_recipe: Any) -> Goals:
    values = {
        "sweep.objectives": ["maximize accuracy", "minimize contribution_gap"],
        "sweep.constraints": ["weakest_accuracy >= 0.4"],
        "sweep.choose": "knee",
    }
    return Goals.from_recipe(with_overrides(make_recipe(), values))


def test_goals(goals: Goals) -> None:
    metrics = {"accuracy": 0.9, "contribution_gap": 0.2, "weakest_accuracy": 0.3, "loss": 1.0}
    assert goals.directions == ["maximize", "minimize"]
    assert goals.values(metrics) == (0.9, 0.2)
    assert goals.standing(metrics) == Standing((-0.9, 0.2), (pytest.approx(0.1),))
    assert goals.choice.axes == goals.objectives


def test_a_metric_that_was_not_measured(goals: Goals) -> None:
    with pytest.raises(
        RunError, match=r"doesn't measure 'contribution_gap'; it measures accuracy$"
    ):
        goals.values({"accuracy": 1.0})


METRICS = {"accuracy": 0.9, "contribution_gap": 0.2, "weakest_accuracy": 0.3}


def in_mode(goals: Goals, mode: str, **options: dict[str, float]) -> Goals:
    return Goals(goals.objectives, goals.constraints, goals.choice, mode, **options)


def test_constrained_judges_by_the_first_objective_and_the_constraints(goals: Goals) -> None:
    constrained = in_mode(goals, "constrained")
    assert constrained.directions == ["maximize"]
    assert constrained.values(METRICS) == (0.9,)
    assert constrained.standing(METRICS) == Standing((-0.9,), (pytest.approx(0.1),))


def test_scalar_judges_by_the_distance_from_the_ideal(goals: Goals) -> None:
    scalar = in_mode(goals, "scalar")
    assert scalar.directions == ["minimize"]
    # 0.1 from an accuracy of 1, 0.2 from a gap of 0: max + 0.05 × sum
    assert scalar.values(METRICS) == (pytest.approx(0.2 + 0.05 * 0.3),)
    assert scalar.standing(METRICS).losses == scalar.values(METRICS)
    assert scalar.standing(METRICS).violations == (pytest.approx(0.1),)


def test_weights_and_ideal_are_the_recipes(goals: Goals) -> None:
    weights, ideal = {"accuracy": 5.0}, {"contribution_gap": 0.1, "accuracy": 0.95}
    scalar = in_mode(goals, "scalar", weights=weights, ideal=ideal)
    assert scalar.values(METRICS) == (pytest.approx(0.25 + 0.05 * 0.35),)


def test_the_recipe_says_the_mode(make_recipe: Any) -> None:
    changes = {
        "sweep.objectives": ["maximize accuracy", "minimize loss"],
        "sweep.mode": "scalar",
        "sweep.weights": {"loss": 0.5},
        "sweep.ideal": {"loss": 0.1},
    }
    goals = Goals.from_recipe(with_overrides(make_recipe(), changes))
    assert goals.values({"accuracy": 1.0, "loss": 0.5}) == (pytest.approx(0.2 + 0.05 * 0.2),)


@pytest.mark.parametrize("weight", [0.3, 0.4, 0.5, 0.65])
def test_every_bend_of_a_front_is_the_best_for_some_weights(weight: float) -> None:
    # On the quarter circle f² + g² = 1, which bends away from the ideal point, any weighted sum is
    # least at an end; max(w f, (1 − w) g) is least where both are equal.
    angles = [i / 2000 * math.pi / 2 for i in range(2001)]
    scalars = [
        augmented_chebyshev([weight * math.cos(a), (1 - weight) * math.sin(a)]) for a in angles
    ]
    best = angles[scalars.index(min(scalars))]
    assert math.tan(best) == pytest.approx(weight / (1 - weight), rel=0.01)


def test_of_points_with_the_same_largest_distance_the_dominating_one_is_best() -> None:
    assert augmented_chebyshev([0.5, 0.1]) < augmented_chebyshev([0.5, 0.2])


NEAR = "highest accuracy within one standard error, then lowest loss"


def of(accuracy: float, loss: float, error: float = 0.02) -> dict[str, float]:
    return {"accuracy": accuracy, "loss": loss, "standard_error": error}


def test_near_equals_are_told_apart_by_the_second_metric() -> None:
    choice = Choice.parse(NEAR)
    candidates = [of(0.90, 0.5), of(0.88, 0.3), of(0.879, 0.1), of(0.89, 0.4)]
    assert choice.near(candidates) == [0, 1, 3]
    assert choice.pick(candidates) == 1
    # It is the best one's error that counts.
    assert choice.pick([of(0.90, 0.5, 0.0), of(0.88, 0.3, 1.0)]) == 0


def test_of_equals_in_the_second_metric_the_better_one_wins() -> None:
    assert Choice.parse(NEAR).pick([of(0.89, 0.3), of(0.90, 0.3)]) == 1


def test_near_equals_of_what_is_to_be_low() -> None:
    choice = Choice.parse("lowest loss within one standard error, then highest accuracy")
    assert choice.pick([of(0.8, 0.30), of(0.9, 0.31), of(0.99, 0.33)]) == 1


def test_conditions_come_before_nearness() -> None:
    choice = Choice.parse(f"{NEAR} where accuracy <= 0.89")
    assert choice.pick([of(0.90, 0.1), of(0.88, 0.3), of(0.85, 0.2)]) == 1
    assert choice.metrics == ["accuracy", "loss", "accuracy"]


def test_who_has_no_error_does_not_qualify() -> None:
    lacking = {"accuracy": 0.99, "loss": 0.1}
    assert Choice.parse(NEAR).pick([lacking, of(0.8, 0.3)]) == 1
    assert Choice.parse(NEAR).pick([lacking]) is None
