r"""Low-rank multimodal fusion: the modalities' outer product, weighted by a tensor of low rank.

Liu et al., Efficient Low-rank Multimodal Fusion with Modality-Specific Factors (ACL 2018):

.. math:: h = \sum_{r=1}^R \bigodot_m W_m^{(r)} [f_m, 1], \qquad y = V \operatorname{relu}(h) + c

The 1 appended to the features, here the linear layers' bias, keeps the products of fewer modalities
in the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.fusion import Fusion

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.nn.forward import Features
    from armtune.nn.layers import Init


class LowRank(Fusion):
    """Low-rank multimodal fusion (Liu et al., 2018): products over all modalities."""

    name: Literal["low_rank"] = "low_rank"
    dim: int = Field(64, ge=1)
    """Units of the fused layer."""
    rank: int = Field(4, ge=1)
    """Rank of the weight tensor."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn import layers
        from armtune.nn.subset_fusion import Apart, Parted

        factors = layers.each(sizes, self.rank * self.dim, init)
        out = layers.Linear(self.dim, classes, init)
        return Parted(Apart(factors), layers.Composed(partial(decide, rank=self.rank), out))


def decide(factors: Features, out: nn.Module, rank: int) -> Tensor:
    """Logits of the product over the modalities, summed over the ranks."""
    product, *others = factors.values()
    for factor in others:
        product = product * factor
    return out(product.unflatten(-1, (rank, -1)).sum(-2).relu())
