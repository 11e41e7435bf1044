"""What every optimizer must do."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from armtune.optimizers import Buffers, Optimizer


def descends_a_bowl(optimizer: Optimizer) -> None:
    """It finds the lowest point of a parabola, without weight decay."""
    found = _descend([optimizer.model_copy(update={"lr": 0.05, "weight_decay": 0.0})], 800)
    assert torch.allclose(found, torch.full((1, 4), 3.0).double(), atol=1e-2), found


def keeps_each_members_own_knobs(optimizer: Optimizer) -> None:
    """Two members with other learning rates step as each does alone."""
    slow, fast = (optimizer.model_copy(update={"lr": lr}) for lr in (0.001, 0.01))
    both = _descend([slow, fast], 20)
    assert torch.equal(both[0], _descend([slow], 20)[0])
    assert torch.equal(both[1], _descend([fast], 20)[0])
    assert both[1, 0] > both[0, 0] > 0


def _descend(options: Sequence[Optimizer], steps: int) -> torch.Tensor:
    """Minimises ½‖p − 3‖² for each member and returns the parameters."""
    fields = [name for name in type(options[0]).model_fields if name != "name"]
    knobs = {n: torch.tensor([[getattr(o, n)] for o in options]).double() for n in fields}
    parameters = torch.zeros(len(options), 4, dtype=torch.float64)
    state = {name: torch.zeros_like(parameters) for name in options[0].slots()}
    for step in range(1, steps + 1):
        count = parameters.new_full((len(options), 1), step)
        options[0].update(Buffers(parameters, parameters - 3, state, knobs, count))
    return parameters
