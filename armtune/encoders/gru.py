"""Gated recurrent units over sequences, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders._sequences import SequenceEncoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Gru(SequenceEncoder):
    """Gated recurrent units (Cho et al., EMNLP 2014) in both directions, averaged over time."""

    name: Literal["gru"] = "gru"
    width: int = Field(64, ge=1)
    """Units of each direction; there are twice as many features."""
    depth: int = Field(1, ge=1, le=1000)
    """Number of layers."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.recurrent import BidirectionalGru, SequenceGru

        sizes = [self.channels(shape, self.width), *[2 * self.width] * (self.depth - 1)]
        layers = [BidirectionalGru(size, self.width, init) for size in sizes]
        module = SequenceGru(layers, padded=self.masks)
        return self.embedded(module, self.width, init), 2 * self.width
