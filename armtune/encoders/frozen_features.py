"""Features that were computed elsewhere, standardised, straight to the fusion."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class FrozenFeatures(Encoder):
    """Features computed elsewhere: as they are, or through one linear layer."""

    name: Literal["frozen_features"] = "frozen_features"
    features: int = Field(0, ge=0)
    """Number of features after a linear layer; 0 for the given ones without a layer."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn import layers

        size = prod(shape)
        if not self.features:
            return layers.Given(), size
        linear = layers.Linear(size, self.features, init)
        return layers.Sequential(layers.Flatten(), linear), self.features
