"""What population based training asks of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from armtune.errors import RecipeError
from armtune.pruners.pbt import PopulationBased
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space

SPACE = [{"training.optimizer.lr": {"log": [1e-4, 0.1]}}, {"balancing.tau": {"uniform": [0, 2]}}]


def recipe(**overrides: Any) -> Recipe:
    plain = Recipe.model_validate(
        {
            "name": "toy",
            "data": {"name": "arrays", "path": "toy.npz"},
            "modalities": {m: {"encoder": {"name": "mlp"}} for m in ("image", "audio")},
            "balancing": {"name": "arm"},
            "sweep": {"space": SPACE, "trials": 4, "pruner": {"name": "pbt"}},
        }
    )
    return with_overrides(plain, {k.replace("__", "."): v for k, v in overrides.items()})


def test_members_are_compared_at_equal_distances_before_the_end() -> None:
    assert PopulationBased(every=3).rungs(9) == [3, 6]
    assert PopulationBased(every=3).rungs(10) == [3, 6, 9]
    assert PopulationBased(every=3).rungs(3) == []


def test_numbers_that_shape_nothing_are_searched(tmp_path: Path) -> None:
    assert len(load_space(recipe(), tmp_path).dimensions) == 2


def test_several_objectives_are_refused_unless_made_one() -> None:
    both = ["maximize accuracy", "minimize contribution_gap"]
    with pytest.raises(RecipeError, match="pbt compares one number, not 2"):
        recipe(sweep__objectives=both)
    assert recipe(sweep__objectives=both, sweep__mode="scalar").sweep.mode == "scalar"


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"fusion.dim": {"int": [8, 16]}}, "pbt can't search fusion.dim: only the numbers"),
        ({"balancing.holdout": {"uniform": [0.1, 0.3]}}, "balancing.holdout: .* held out"),
        ({"balancing.gap": {"choice": ["asymmetric", "mean"]}}, "balancing.gap"),
    ],
)
def test_what_shapes_the_program_is_refused(
    space: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=said):
        load_space(recipe(sweep__space=[*SPACE, space]), tmp_path)


def test_a_condition_is_refused(tmp_path: Path) -> None:
    space = {
        "training.optimizer.beta1": {"choice": [0.8, 0.9]},
        "balancing.alpha": {"uniform": [0, 1], "when": {"training.optimizer.beta1": 0.9}},
    }
    with pytest.raises(RecipeError, match=r"balancing\.alpha, which has a condition"):
        load_space(recipe(sweep__space=[space]), tmp_path)


def test_a_population_of_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="at least two trials"):
        load_space(recipe(sweep__trials=1), tmp_path)


def test_a_schedule_of_ones_own_is_refused(tmp_path: Path) -> None:
    own = [{"epoch": 2, "values": {"training.optimizer.lr": 0.1}}]
    with pytest.raises(RecipeError, match=r"leave training\.schedule out"):
        load_space(recipe(training__schedule=own), tmp_path)
