"""Transformer over sequences of features."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.layers import Init


class Transformer(Encoder):
    """Transformer (Vaswani et al., 2017) with learnt positions, averaged over time."""

    name: Literal["transformer"] = "transformer"
    heads: int = Field(4, ge=1)
    """Attention heads."""
    head_width: int = Field(16, ge=1)
    """Units a head; there are heads times as many features."""
    layers: int = Field(2, ge=1)
    """Number of layers."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.attention import SequenceTransformer

        if len(shape) < 2:
            raise ValueError(f"transformer reads sequences (time, channel, …), not {shape}")
        heads = (self.heads, self.head_width)
        module = SequenceTransformer(shape[0], prod(shape[1:]), self.layers, heads, init)
        return module, self.heads * self.head_width
