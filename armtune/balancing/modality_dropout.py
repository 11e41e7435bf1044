r"""Modality dropout: the fused decision learns to do without each of the modalities.

Each training sample loses one modality, drawn evenly, with probability p (ModDrop drops each one
independently; Neverova et al., TPAMI 2016):

.. math:: f_m \leftarrow \operatorname{mean}_{batch} f_m

The unimodal heads see the features as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context
from armtune.balancing._parts import ModalityDropout
from armtune.nn.forward import Features

if TYPE_CHECKING:
    from torch import Tensor


class Dropout(Balancing):
    """Modality dropout (after Neverova et al., TPAMI 2016): with probability p, f_m ← its mean."""

    name: Literal["modality_dropout"] = "modality_dropout"
    probability: float = Field(0.3, ge=0, le=1)
    """Probability that a training sample loses one modality, drawn at random."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Dropper(options, context)


class Dropper(Balancer):
    """Modality dropout's hooks."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.dropout = ModalityDropout(context, context.knob(options, "probability"))

    def start_epoch(self, epoch: Tensor) -> None:
        self.dropout.start_epoch(epoch)

    def alter(self, features: Features, index: Tensor, step: int) -> Features:
        return self.dropout.alter(features, index, step)
