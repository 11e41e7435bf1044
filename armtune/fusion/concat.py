"""Fusion by concatenation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.fusion import Fusion

if TYPE_CHECKING:
    from torch import nn

    from armtune.layers import Init


class Concat(Fusion):
    """Concatenated features through one hidden layer to the classes."""

    name: Literal["concat"] = "concat"
    dim: int = Field(64, ge=0)
    """Units of the hidden layer; 0 for a linear decision."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune import layers
        from armtune.parted import LinearApart, Parted, total

        first = LinearApart(sizes, self.dim or classes, init)
        steps: list[nn.Module] = [layers.Composed(total)]
        if self.dim:
            steps += [layers.Relu(), layers.Linear(self.dim, classes, init)]
        return Parted(first, layers.Sequential(*steps))
