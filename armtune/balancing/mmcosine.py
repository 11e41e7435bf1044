r"""MMCosine: a decision from angles alone, in which no modality can shout louder than another.

The fused logits are the sum over the modalities of cosines between a sample's features and the
class's weights for that modality, times s:

.. math:: z_c = s \sum_m \frac{f_m \cdot W_{m,c}}{\|f_m\| \|W_{m,c}\|}

This is a fusion of its own, in the place of the recipe's: linear, without a bias, for any number
of modalities. The loss is the plain cross-entropy, so there is no setting that equals ``none``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context
from armtune.fusion import Fusion
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Cosines(Fusion):
    """Sum over modalities of scaled cosines between features and class weights."""

    name: Literal["cosines"] = "cosines"
    scale: float
    """What the cosines are multiplied by."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn.cosines import CosineSum

        return CosineSum(list(sizes.values()), classes, self.scale, init)


class MMCosine(Balancing):
    """MMCosine (Xu et al., ICASSP 2023): logits s·Σ cos(f_m, W_m) as the fusion."""

    serves = Discrete

    name: Literal["mmcosine"] = "mmcosine"
    scale: float = Field(10.0, gt=0)
    """What the cosines are multiplied by, s; 10 as released."""

    def fusion(self, given: Fusion) -> Fusion:
        return Cosines(scale=self.scale)

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return CosineScaler(options, context)


class CosineScaler(Balancer):
    """Gives each member of a pack its own scale; all else is in the fusion."""

    def __init__(self, options: Sequence[MMCosine], context: Context) -> None:
        from armtune.nn.cosines import CosineSum

        super().__init__(context)
        fusion = context.network.fusion
        assert isinstance(fusion, CosineSum), "the network has this method's fusion"
        fusion.scale.copy_(context.knob(options, "scale").view(-1, 1, 1))
