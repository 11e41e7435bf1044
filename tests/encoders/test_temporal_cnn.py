"""Convolutions over time: how far they reach, and what centring leaves."""

from __future__ import annotations

import torch
from torch import nn

from armtune.encoders.temporal_cnn import TemporalCnn
from armtune.layers import Init, MeanOverTime
from armtune.streams import stream


def built(**options: int | bool) -> nn.Sequential:
    init = Init([stream(0, "init")], torch.float64)
    module, _ = TemporalCnn(width=4, **options).build((64, 2, 3), init)  # type: ignore[arg-type]
    assert isinstance(module, nn.Sequential)
    return module


def noise() -> torch.Tensor:
    return torch.randn(1, 1, 64, 2, 3, generator=stream(0, "x"), dtype=torch.float64)


def test_each_convolution_reaches_twice_as_far() -> None:
    # The norms see all times; without them a moment is felt as far as the windows reach.
    module = built(depth=3, kernel=3)
    for part in module.modules():
        if hasattr(part, "parts"):
            part.parts[1] = nn.Identity()
    per_time = nn.Sequential(*[step for step in module if not isinstance(step, MeanOverTime)])
    x, moved = noise(), noise()
    moved[:, :, 32] += 1
    felt = (per_time(x) != per_time(moved)).any(-1)[0, 0].nonzero().flatten()
    assert (int(felt.min()), int(felt.max())) == (32 - 7, 32 + 7)


def test_centred_it_reads_movement_and_not_place() -> None:
    x = noise()
    place = torch.arange(6).view(2, 3)
    for center in (True, False):
        module = built(center=center)
        same = torch.allclose(module(x), module(x + place), atol=1e-10)
        assert same is center
    assert not torch.allclose(built(center=True)(x), built(center=True)(2 * x), atol=1e-6)
