r"""Late fusion: each modality decides by itself, and the logits are averaged.

.. math:: y = \frac{1}{K} \sum_m (V_m \operatorname{relu}(W_m f_m + b_m) + c_m)

Modalities meet in the decision only, so an absent one leaves the others' votes as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.fusion import Fusion

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.nn.forward import Features
    from armtune.nn.layers import Init


class Late(Fusion):
    """Mean of the modalities' own logits, each from a hidden layer of its own."""

    name: Literal["late"] = "late"
    dim: int = Field(64, ge=0)
    """Units of each modality's hidden layer; 0 for linear decisions."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn import layers
        from armtune.nn.subset_fusion import Apart, Parted

        mean = layers.Composed(decide)
        if not self.dim:
            return Parted(Apart(layers.each(sizes, classes, init)), mean)
        hidden = layers.each(sizes, self.dim, init)
        votes = layers.each(dict.fromkeys(sizes, self.dim), classes, init)
        steps = zip(hidden, votes, strict=True)
        own = [layers.Sequential(first, layers.Relu(), second) for first, second in steps]
        return Parted(Apart(own), mean)


def decide(votes: Features) -> Tensor:
    """Mean of the logits."""
    from armtune.nn.subset_fusion import total

    return total(votes) / len(votes)
