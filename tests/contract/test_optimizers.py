"""What every optimizer must do, whichever files the folder holds."""

from __future__ import annotations

import pytest
import torch

from armtune.optimizers import Optimizer
from armtune.registry import plugins

ALL = plugins("optimizers")


def descend(options: list[Optimizer], steps: int) -> torch.Tensor:
    """Minimises ½‖p − 3‖² for each member and returns the parameters."""
    fields = [name for name in type(options[0]).model_fields if name != "name"]
    knobs = {n: torch.tensor([[getattr(o, n)] for o in options]).double() for n in fields}
    parameters = torch.zeros(len(options), 4, dtype=torch.float64)
    state = {name: torch.zeros_like(parameters) for name in options[0].slots()}
    for step in range(1, steps + 1):
        options[0].update(parameters, parameters - 3, state, knobs, step)
    return parameters


@pytest.mark.parametrize("name", ALL)
def test_descends_a_bowl(name: str) -> None:
    assert torch.allclose(
        descend([ALL[name](lr=0.05, weight_decay=0)], 800),
        torch.full((1, 4), 3.0).double(),
        atol=1e-2,
    )


@pytest.mark.parametrize("name", ALL)
def test_each_member_keeps_its_own_knobs(name: str) -> None:
    slow, fast = ALL[name](lr=0.001), ALL[name](lr=0.01)
    both = descend([slow, fast], 20)
    assert torch.equal(both[0], descend([slow], 20)[0])
    assert torch.equal(both[1], descend([fast], 20)[0])
    assert both[1, 0] > both[0, 0] > 0
