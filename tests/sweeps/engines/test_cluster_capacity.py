"""How many trials fit on the nodes of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from armtune.errors import RunError
from armtune.recipe.schema import Resources
from armtune.sweeps.engines.cluster_capacity import check_capacity, places


def nodes(*had: tuple[float, float]) -> list[dict[str, Any]]:
    alive = [{"Alive": True, "Resources": {"CPU": cpu, "GPU": gpu}} for cpu, gpu in had]
    return [*alive, {"Alive": False, "Resources": {"CPU": 999.0, "GPU": 999.0}}]


@pytest.mark.parametrize(
    ("had", "resources", "expected"),
    [
        ([(4, 0)], {"cpu": 1}, 4),
        ([(4, 1)], {"cpu": 1, "gpu": 0.5}, 2),
        ([(4, 0), (3, 0)], {"cpu": 2}, 3),
        ([(4, 0), (3, 0)], {"cpu": 2, "workers": 2}, 1),
        ([(8, 4), (8, 4)], {"cpu": 2, "gpu": 1, "workers": 4}, 2),
        ([(1, 0)], {"cpu": 0.5, "workers": 2}, 1),
        ([(8, 2)], {"cpu": 1, "gpu": 0.6}, 2),
        ([(8, 2)], {"cpu": 1, "gpu": 0.3}, 6),
    ],
)
def test_places(had: list[tuple[float, float]], resources: dict[str, Any], expected: int) -> None:
    wanted = Resources.model_validate(resources)
    check_capacity(nodes(*had), wanted)
    assert places(nodes(*had), wanted) == expected


@pytest.mark.parametrize(
    ("had", "resources", "said"),
    [
        ([(4, 0)], {"cpu": 1, "workers": 8}, "a trial reserves 8 CPU cores, Ray has 4"),
        ([(4, 0)], {"gpu": 1}, "a trial reserves 1 GPUs, Ray has 0"),
        ([(3, 0), (3, 0)], {"cpu": 2, "workers": 3},
         "a trial needs 3 times 2 CPU cores, each on one node; Ray has room for 2"),
        ([(2, 0), (2, 2)], {"cpu": 1, "gpu": 0.5, "workers": 3},
         "a trial needs 3 times 1 CPU cores and 0.5 GPUs, each on one node; Ray has room for 2"),
    ],
)  # fmt: skip
def test_too_little_is_refused(
    had: list[tuple[float, float]], resources: dict[str, Any], said: str
) -> None:
    with pytest.raises(RunError, match=f"sweep.resources: {said}"):
        check_capacity(nodes(*had), Resources.model_validate(resources))
