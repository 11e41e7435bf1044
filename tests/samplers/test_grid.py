from __future__ import annotations

from typing import Any

from armtune.recipe.ranges import parse_range
from armtune.samplers import Demand, points
from armtune.samplers.grid import Grid

SPACE: dict[str, Any] = {
    "method": {"grid": ["none", "arm"]},
    "tau": {"uniform": [0, 1], "step": 0.5, "when": {"method": "arm"}},
    "width": {"int": [4, 8], "step": 4},
}
POINTS = [
    {"method": "none", "width": 4},
    {"method": "none", "width": 8},
    *({"method": "arm", "tau": tau, "width": width} for tau in (0.0, 0.5, 1.0) for width in (4, 8)),
]


def demand(trials: int = 8, space: dict[str, Any] = SPACE) -> Demand:
    return Demand(2, 1, trials, [parse_range(path, written) for path, written in space.items()])


def test_the_points_are_all_combinations_that_conditions_leave() -> None:
    assert list(points(demand().dimensions)) == POINTS
    assert list(points([])) == [{}]


def test_the_point_nearest_to_the_recipes_own_values_comes_first() -> None:
    planned = Grid().planned(demand(), {"method": "arm", "tau": 0.5})
    assert planned[0] == {"method": "arm", "tau": 0.5, "width": 4}
    assert sorted(map(str, planned)) == sorted(map(str, POINTS))


def test_a_logarithmic_whole_number_has_ends_too() -> None:
    assert list(parse_range("n", {"int": [1, 4], "log": True}).finite or ()) == [1, 2, 3, 4]


def test_what_has_no_end_is_refused_as_are_more_trials_than_points() -> None:
    assert Grid().problem(demand()) == ""
    assert Grid().problem(demand(5)) == ""
    assert Grid().problem(demand(9)) == "the grid has 8 points, fewer than sweep.trials, 9"
    assert "lr has none" in Grid().problem(demand(2, {**SPACE, "lr": {"log": [0.1, 1]}}))
