r"""Fusion by addition of the modalities' hidden layers.

.. math:: y = V \sum_m \operatorname{relu}(W_m f_m + b_m) + c
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.fusion import Fusion

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.forward import Features
    from armtune.layers import Init


class Sum(Fusion):
    """Each modality's features through a hidden layer of its own; the layers' sum decides."""

    name: Literal["sum"] = "sum"
    dim: int = Field(64, ge=1)
    """Units of the hidden layers."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune import layers

        hidden = layers.each(sizes, self.dim, init)
        return layers.Composed(decide, hidden, layers.Linear(self.dim, classes, init))


def decide(features: Features, hidden: nn.ModuleList, out: nn.Module) -> Tensor:
    """Logits of the summed hidden layers."""
    terms = [layer(f).relu() for layer, f in zip(hidden, features.values(), strict=True)]
    return out(sum(terms[1:], terms[0]))
