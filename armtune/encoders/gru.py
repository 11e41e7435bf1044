"""Gated recurrent units over sequences, in both directions."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.layers import Init


class Gru(Encoder):
    """Gated recurrent units (Cho et al., EMNLP 2014) in both directions, averaged over time."""

    name: Literal["gru"] = "gru"
    width: int = Field(64, ge=1)
    """Units of each direction; there are twice as many features."""
    depth: int = Field(1, ge=1)
    """Number of layers."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune import layers
        from armtune.recurrent import BidirectionalGru

        if len(shape) < 2:
            raise ValueError(f"gru reads sequences (time, channel, …), not {shape}")
        sizes = [prod(shape[1:]), *[2 * self.width] * (self.depth - 1)]
        steps = [BidirectionalGru(size, self.width, init) for size in sizes]
        return layers.Sequential(*steps, layers.MeanOverTime()), 2 * self.width
