"""The rule by which ``auto`` chooses, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from armtune.recipe.ranges import parse_range
from armtune.samplers import Demand
from armtune.samplers.auto import Auto

PLAIN = {"a": {"uniform": [0, 1]}, "b": {"uniform": [0, 1]}}
CHOICE = {**PLAIN, "c": {"choice": ["x", "y"]}}
CONDITION = {**CHOICE, "d": {"uniform": [0, 1], "when": {"c": "x"}}}
FINITE = {"a": {"grid": [1, 2, 3]}, "b": {"int": [0, 9], "step": 3}}
WIDE = {f"p{i}": {"uniform": [0, 1]} for i in range(11)}


def demand(space: dict[str, Any], objectives: int, constraints: int, trials: int) -> Demand:
    dimensions = [parse_range(path, written) for path, written in space.items()]
    return Demand(objectives, constraints, trials, dimensions)


@pytest.mark.parametrize(
    ("space", "objectives", "constraints", "trials", "name"),
    [
        (FINITE, 2, 1, 12, "grid"),
        (FINITE, 2, 1, 11, "gp"),
        (FINITE, 2, 1, 13, "gp"),
        (CONDITION, 1, 0, 50, "tpe"),
        (CHOICE, 2, 1, 100, "gp"),
        (CHOICE, 2, 1, 101, "tpe"),
        (PLAIN, 3, 0, 100, "tpe"),
        (WIDE, 1, 0, 100, "tpe"),
        (PLAIN, 4, 0, 500, "nsga3"),
        (PLAIN, 3, 1, 500, "nsga2"),
        (PLAIN, 1, 0, 500, "cmaes"),
        (PLAIN, 1, 1, 500, "tpe"),
        (CHOICE, 1, 0, 500, "tpe"),
        (PLAIN, 1, 0, 499, "tpe"),
    ],
)
def test_the_rule(
    space: dict[str, Any], objectives: int, constraints: int, trials: int, name: str
) -> None:
    asked = demand(space, objectives, constraints, trials)
    sampler, reason = Auto().settled(asked)
    assert sampler.name == name
    assert reason
    assert not sampler.problem(asked)
