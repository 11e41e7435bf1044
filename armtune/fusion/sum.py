r"""Fusion by addition of the modalities' hidden layers.

.. math:: y = V \sum_m \operatorname{relu}(W_m f_m + b_m) + c
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.fusion import Fusion

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Sum(Fusion):
    """Each modality's features through a hidden layer of its own; the layers' sum decides."""

    name: Literal["sum"] = "sum"
    dim: int = Field(64, ge=1)
    """Units of the hidden layers."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn import layers
        from armtune.nn.subset_fusion import Apart, Parted, total

        hidden = layers.each(sizes, self.dim, init)
        apart = Apart([layers.Sequential(layer, layers.Relu()) for layer in hidden])
        out = layers.Linear(self.dim, classes, init)
        return Parted(apart, layers.Sequential(layers.Composed(total), out))
