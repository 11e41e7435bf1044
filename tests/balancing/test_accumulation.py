"""An update made from several steps is that of one batch of all their samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from armtune.training.loop import Run, train
from tests.balancing.toys import F64
from tests.conftest import toy_dataset, toy_recipe

METHODS: list[dict[str, Any]] = [
    {"name": "none"},
    {"name": "auxiliary"},
    {"name": "ogm"},
    {"name": "ogm", "parameters": "all", "from_epoch": 1, "to_epoch": 2},
    {"name": "ogm_ge"},
    {"name": "agm"},
    {"name": "agm", "from_epoch": 1, "to_epoch": 2},
]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: " ".join(map(str, m.values())))
def test_weights_are_those_of_one_large_batch(method: dict[str, Any]) -> None:
    plans = [{"batch_size": 48}, {"batch_size": 16, "accumulate": 3}]
    found = []
    for plan in plans:
        # Plain descent: AdamW would enlarge a rounding where a gradient is about zero.
        optimizer = {"name": "sgd", "lr": 0.1}
        recipe = toy_recipe(balancing=method, optimizer=optimizer, **plan)
        run = Run([recipe], toy_dataset(), dtype=F64)
        train(run, lambda *_: None)
        found.append(run.flat.values)
    assert torch.allclose(*found, atol=1e-9)
