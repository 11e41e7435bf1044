from __future__ import annotations

import numpy as np
import pytest

from armtune.pruners._rungs import Standing, front, in_top_share, ranks


def standing(accuracy: float, gap: float = 0.0, *violations: float) -> Standing:
    return Standing((-accuracy, gap), violations)


def survivors(standings: list[Standing], progress: float, reduction: int) -> list[int]:
    """Positions kept when each is judged as the last to arrive."""
    return [
        i
        for i, one in enumerate(standings)
        if in_top_share(one, standings[:i] + standings[i + 1 :], progress, reduction)
    ]


def test_front_of_feasible_standings_is_the_pareto_front() -> None:
    trials = [standing(0.9, 0.5), standing(0.8, 0.2), standing(0.7, 0.3), standing(0.6, 0.1)]
    assert front(trials) == [0, 1, 3]


def test_a_feasible_standing_comes_before_a_better_infeasible_one() -> None:
    assert front([standing(0.99, 0.0, 0.01), standing(0.5, 0.5, 0.0)]) == [1]


def test_without_feasible_standings_the_front_is_the_least_violating() -> None:
    trials = [standing(0.9, 0.0, 0.3, 0.0), standing(0.5, 0.5, 0.1, 0.1), standing(0.6, 0, 0, 0.5)]
    assert front(trials) == [1]


def test_equal_standings_share_the_front() -> None:
    assert front([standing(0.5, 0.1), standing(0.5, 0.1)]) == [0, 1]


def test_front_of_nothing_is_empty() -> None:
    assert front([]) == []


def test_ranks_by_hand() -> None:
    losses = np.array([[1.0, 4], [2, 2], [4, 1], [2, 5], [3, 3], [5, 5], [0, 0], [0, 0]])
    violated = np.array([0, 0, 0, 0, 0, 0, 0.2, 0.1])
    assert ranks(losses, violated).tolist() == [0, 0, 0, 1, 1, 2, 4, 3]


def test_ranks_agree_with_peeling_fronts_off_one_by_one() -> None:
    draw = np.random.default_rng(0)
    losses = draw.integers(0, 6, (60, 3)).astype(float)
    violated = np.maximum(0, draw.integers(-3, 3, 60)).astype(float)
    expected = np.full(60, -1)
    left = list(range(60))
    level = 0
    while left:
        peel = [left[i] for i in front([Standing(tuple(losses[j]), (violated[j],)) for j in left])]
        expected[peel] = level
        left = [j for j in left if j not in peel]
        level += 1
    assert ranks(losses, violated).tolist() == expected.tolist()


@pytest.mark.parametrize(("reduction", "kept"), [(2, [0, 1, 2]), (3, [0, 1]), (6, [0])])
def test_one_objective_keeps_the_best_share(reduction: int, kept: list[int]) -> None:
    trials = [Standing((loss,)) for loss in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    assert survivors(trials, 0.2, reduction) == kept


def test_the_share_is_rounded_up() -> None:
    trials = [Standing((loss,)) for loss in (1.0, 2.0, 3.0, 4.0)]
    assert survivors(trials, 0.2, 3) == [0, 1]


def test_ties_go_to_the_trial() -> None:
    assert in_top_share(Standing((1.0,)), [Standing((1.0,))] * 8, 0.5, 3)


def test_no_trial_survives_an_early_rung_on_its_gap_alone() -> None:
    learners = [standing(0.5 + 0.05 * i, 0.3 + 0.01 * i) for i in range(8)]
    untrained = standing(0.1, 0.0)
    assert front([*learners, untrained])[-1] == 8, "plain domination keeps it"
    for progress in (0.1, 0.3, 0.6, 0.9):
        assert not in_top_share(untrained, learners, progress, 3)


def test_a_small_gap_counts_fully_at_full_length() -> None:
    learners = [standing(0.5 + 0.05 * i, 0.3 + 0.01 * i) for i in range(8)]
    assert in_top_share(standing(0.1, 0.0), learners, 1.0, 3)


def test_a_balanced_learner_survives_the_early_rung() -> None:
    learners = [standing(0.5 + 0.05 * i, 0.3 + 0.01 * i) for i in range(8)]
    assert in_top_share(standing(0.7, 0.1), learners, 0.2, 3)


def test_constraints_loosen_by_the_median_violation() -> None:
    # Violations 0.1, 0.15, 0.2, 0.3 have the median 0.175. At p = 0.5 each is lowered by 0.0875:
    # none is feasible and the least violating goes on. At p = 0.1 it is 0.1575: the first two are
    # feasible and the more accurate of them goes on.
    trials = [standing(0.5 + v, 0, v) for v in (0.1, 0.15, 0.2, 0.3)]
    assert survivors(trials, 0.5, 4) == [0]
    assert survivors(trials, 0.1, 4) == [1]


def test_a_constraint_that_most_meet_is_not_loosened() -> None:
    trials = [standing(0.5, 0, 0.0), standing(0.6, 0, 0.0), standing(0.9, 0, 0.01)]
    assert survivors(trials, 0.1, 3) == [1]


def costing(accuracy: float, *costs: float) -> Standing:
    """Objectives: the accuracy, and costs."""
    return Standing((-accuracy, *costs), costs=tuple(range(1, 1 + len(costs))))


def test_a_cost_counts_in_full_from_the_start() -> None:
    # All learners cost more than the last trial, which has learnt nothing: on the front by its
    # cost, as training makes it no dearer. A gap as small (tested above) wouldn't save it.
    learners = [costing(0.5 + 0.05 * i, 0.3 + 0.01 * i) for i in range(8)]
    for progress in (0.1, 0.3, 0.6, 0.9):
        assert in_top_share(costing(0.1, 0.0), learners, progress, 3)


def test_the_first_objective_that_is_no_cost_counts_in_full() -> None:
    # The cost stands first and is the same for all; of accuracy and gap the former decides.
    def trial(accuracy: float, gap: float) -> Standing:
        return Standing((1.0, -accuracy, gap), costs=(0,))

    learners = [trial(0.5 + 0.05 * i, 0.3 + 0.01 * i) for i in range(8)]
    for progress in (0.1, 0.3, 0.6, 0.9):
        assert not in_top_share(trial(0.1, 0.0), learners, progress, 3)
        assert in_top_share(trial(0.95, 0.5), learners, progress, 3)


def test_a_limit_on_a_cost_is_not_loosened() -> None:
    # As in test_constraints_loosen_by_the_median_violation, but the least violating goes on at
    # p = 0.1 too; a limit beside it that is no cost's is loosened as there.
    def trials(*limits: int) -> list[Standing]:
        each = (0.1, 0.15, 0.2, 0.3)
        return [Standing((-0.5 - v, 0.0), (v, 0.0), limits=limits) for v in each]

    assert survivors(trials(1), 0.1, 4) == [1]
    assert survivors(trials(0), 0.1, 4) == [0]


def test_crowding_prefers_the_lonely_on_one_front() -> None:
    # One front with spans of 10 and 10. The ends are infinite; inside, the distances between both
    # neighbours are 0.2 + 0.2, 0.75 + 0.75 and 0.8 + 0.8.
    values = [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (8.5, 1.5), (10.0, 0.0)]
    trials = [Standing(value) for value in values]
    assert survivors(trials, 1.0, 2) == [0, 3, 4]
    assert survivors(trials, 1.0, 3) == [0, 4]


def test_an_objective_that_is_the_same_for_all_decides_nothing() -> None:
    trials = [standing(0.1 * i, 0.5) for i in range(6)]
    assert survivors(trials, 0.5, 3) == [4, 5]


def test_a_lone_trial_is_kept() -> None:
    assert in_top_share(standing(0.1, 0.9, 5.0), [], 0.2, 3)


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_the_first_rank(seed: int) -> None:
    chance = np.random.default_rng(seed)
    losses = chance.integers(0, 6, (60, 3)).astype(float)
    violated = chance.integers(0, 2, 60).astype(float)
    found = front([Standing(tuple(a), (b,)) for a, b in zip(losses, violated, strict=True)])
    assert found == list(np.flatnonzero(ranks(losses, violated) == 0))
