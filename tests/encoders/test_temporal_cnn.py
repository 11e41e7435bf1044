"""Convolutions over time: how far they reach, and what centring leaves."""

from __future__ import annotations

import torch
from torch import nn

from armtune.encoders.temporal_cnn import TemporalCnn
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.nn.temporal import SequenceCnn


def built(**options: int | bool) -> SequenceCnn:
    init = Init([stream(0, "init")], torch.float64)
    module, _ = TemporalCnn(width=4, **options).build((64, 2, 3), init)  # type: ignore[arg-type]
    assert isinstance(module, SequenceCnn)
    return module


class Unchanged(nn.Module):
    """In a norm's place."""

    def forward(self, x: torch.Tensor, _real: torch.Tensor | None) -> torch.Tensor:
        return x


def noise() -> torch.Tensor:
    return torch.randn(1, 1, 64, 2, 3, generator=stream(0, "x"), dtype=torch.float64)


def test_each_convolution_reaches_twice_as_far() -> None:
    # The norms see all times; without them a moment is felt as far as the windows reach.
    module = built(depth=3, kernel=3)
    for block in module.blocks:
        block.norm = Unchanged()  # type: ignore[union-attr]
    x, moved = noise().flatten(3), noise().flatten(3)
    moved[:, :, 32] += 1
    felt = (module.steps(x, None) != module.steps(moved, None)).any(-1)[0, 0].nonzero().flatten()
    assert (int(felt.min()), int(felt.max())) == (32 - 7, 32 + 7)


def test_centred_it_reads_movement_and_not_place() -> None:
    x = noise()
    place = torch.arange(6).view(2, 3)
    for center in (True, False):
        module = built(center=center)
        same = torch.allclose(module(x), module(x + place), atol=1e-10)
        assert same is center
    assert not torch.allclose(built(center=True)(x), built(center=True)(2 * x), atol=1e-6)


def test_centred_padding_stays_padding() -> None:
    x = noise()
    x[:, :, 40:] = 0
    module = built(center=True, padded=True)
    assert torch.allclose(module(x), module(x[:, :, :40]), atol=1e-12)
    assert not torch.allclose(built(center=True)(x), built(center=True)(x[:, :, :40]), atol=1e-3)
