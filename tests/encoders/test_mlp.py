"""Perceptrons: without rectified layers they are linear."""

from __future__ import annotations

import pytest
import torch

from armtune.encoders.mlp import Mlp
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_depth_0_is_linear_and_others_are_not(depth: int) -> None:
    init = Init([stream(3, "init")], torch.float64)
    module, size = Mlp(depth=depth, width=5).build((2, 4), init)
    one, other = torch.randn(2, 1, 6, 2, 4, dtype=torch.float64, generator=stream(0, "x"))
    middle = module((one + other) / 2)
    assert size == middle.shape[-1] == 5
    linear = torch.allclose(middle, (module(one) + module(other)) / 2, atol=1e-12)
    assert linear == (depth == 0)
    assert (middle < 0).any() == (depth == 0)
