"""Transformer over sequences of features or tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders._sequences import SequenceEncoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Transformer(SequenceEncoder):
    """Transformer (Vaswani et al., 2017) with learnt positions, averaged over time."""

    name: Literal["transformer"] = "transformer"
    heads: int = Field(4, ge=1)
    """Attention heads."""
    head_width: int = Field(16, ge=1)
    """Units a head; there are heads times as many features."""
    layers: int = Field(2, ge=1, le=1000)
    """Number of layers."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.attention import SequenceTransformer

        heads, size = (self.heads, self.head_width), self.heads * self.head_width
        channels = self.channels(shape, size)
        module = SequenceTransformer(
            shape[0], channels, self.layers, heads, init, padded=self.masks
        )
        return self.embedded(module, size, init), size
