"""Update rules equal torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from armtune.optimizers import Buffers, Optimizer
from armtune.optimizers.adamw import AdamW
from armtune.optimizers.sgd import Sgd

CASES = [
    (AdamW(lr=0.02, weight_decay=0.1), lambda p: torch.optim.AdamW([p], lr=0.02, weight_decay=0.1)),
    (
        Sgd(lr=0.02, weight_decay=0.1, momentum=0.8),
        lambda p: torch.optim.SGD([p], lr=0.02, weight_decay=0.1, momentum=0.8),
    ),
]


@pytest.mark.parametrize("rates", [1, 6], ids=["one_rate", "a_rate_each"])
@pytest.mark.parametrize(("options", "make"), CASES, ids=["adamw", "sgd"])
def test_equals_torch(
    options: Optimizer, make: Callable[[torch.Tensor], torch.optim.Optimizer], rates: int
) -> None:
    start = torch.linspace(-1, 2, 6).double()
    theirs = start.clone().requires_grad_()
    optimizer = make(theirs)
    ours = start.clone().unsqueeze(0)
    state = {name: torch.zeros_like(ours) for name in options.slots()}
    knobs = {
        n: torch.tensor([[getattr(options, n)]]).double()
        for n in type(options).model_fields
        if n != "name"
    }
    knobs["lr"] = knobs["lr"].expand(1, rates)
    for step in range(1, 30):
        optimizer.zero_grad()
        (theirs**4 - theirs).sum().backward()
        optimizer.step()
        count = torch.tensor([[float(step)]])
        options.update(Buffers(ours, 4 * ours**3 - 1, state, knobs, count))
    assert torch.allclose(ours[0], theirs.detach(), atol=1e-12)
