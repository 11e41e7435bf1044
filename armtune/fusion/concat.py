"""Fusion by concatenation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.fusion import Fusion

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Concat(Fusion):
    """Concatenated features through one hidden layer to the classes."""

    name: Literal["concat"] = "concat"
    dim: int = Field(64, ge=0)
    """Units of the hidden layer; 0 for a linear decision."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn import layers
        from armtune.nn.subset_fusion import Concatenated, LinearApart

        first = LinearApart(sizes, self.dim or classes, init)
        if not self.dim:
            return Concatenated(first, [])
        return Concatenated(first, [layers.Relu(), layers.Linear(self.dim, classes, init)])
