"""Multilayer perceptron on flattened samples."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.data.standardize import Bins, Scaling
from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Mlp(Encoder):
    """Multilayer perceptron on flattened samples, for any shape."""

    name: Literal["mlp"] = "mlp"
    width: int = Field(64, ge=1)
    """Units a layer, and features."""
    depth: int = Field(2, ge=0, le=1000)
    """Number of rectified layers; 0 for a single linear layer, a linear encoder."""
    components: int = Field(0, ge=0)
    """Principal components of the training samples that samples are reduced to before, for vectors
    that are wide or wider than samples are many; 0 for none. They are kept with the model."""

    bins: int = Field(0, ge=0, le=256)
    """Bins that the range of each number, or component, is cut into by the training samples'
    quantiles. Of how far it has come through each, beside the number itself, a linear layer makes
    any function that is linear in every bin: for facts that matter by thresholds, of which trees
    make steps. 0 for none. They are kept with the model."""

    @property
    def scaling(self) -> Scaling:
        if self.bins:
            return Bins(self.bins, self.components)
        return self.components or "standardized"

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn import layers

        if not self.depth:
            linear = layers.Linear(prod(shape), self.width, init)
            return layers.Sequential(layers.Flatten(), linear), self.width
        sizes = [prod(shape), *[self.width] * self.depth]
        steps: list[nn.Module] = [layers.Flatten()]
        for size_in, size_out in pairwise(sizes):
            steps += [layers.Linear(size_in, size_out, init), layers.Relu()]
        return layers.Sequential(*steps), self.width
