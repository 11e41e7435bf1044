r"""Calibrating Multimodal Learning: fewer modalities must not make the decision surer.

With :math:`\kappa(S)` the largest probability of the fused decision (of labels: the mean over them
of the likelier answer's) when only the modalities of :math:`S` are there, the loss is

.. math::
    CE + \lambda \operatorname{mean}_{S \subset M}
    \operatorname{mean}_i \max(0,\, \kappa_i(S) - \kappa_i(M))

over the samples :math:`i` and all subsets :math:`S` of the modalities :math:`M` but none and all.
The paper draws nested pairs of subsets at random; here (ours) the larger one is always :math:`M`
and no pair is left out. Absent modalities are at the batch's mean feature, without gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Step
from armtune.targets import Discrete

if TYPE_CHECKING:
    from torch import Tensor


class Cml(Balancing):
    """Calibrating Multimodal Learning (Ma et al., ICML 2023): CE + λ·max(0, κ(part) − κ(all))."""

    serves = Discrete

    name: Literal["cml"] = "cml"
    weight: float = Field(0.1, ge=0)
    """Weight λ of the calibration loss; 0 for none."""

    def problem(self, modalities: Sequence[str]) -> str:
        return "" if len(modalities) > 1 else "cml balances two modalities or more"

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Calibrator(options, context)


class Calibrator(Balancer):
    """Adds the calibration loss."""

    def __init__(self, options: Sequence[Cml], context: Context) -> None:
        super().__init__(context)
        self.weight = context.knob(options, "weight")
        self.active = bool(self.weight.any())
        self.subsets = range(1, 2 ** len(context.modalities) - 1)
        assert isinstance(context.target, Discrete), "what it serves"
        self.target = context.target

    def losses(self, step: Step) -> Sequence[Tensor]:
        [total] = super().losses(step)
        if not self.active:
            return [total]
        features = step.forward.features
        absent = {m: f.detach().mean(1, keepdim=True) for m, f in features.items()}
        parts = self.context.network.fuse_subsets(features, absent, self.subsets)
        told, whole = (self.target.probabilities(x) for x in (parts, step.forward.logits))
        return [total + self.weight * overconfidence(told, whole)]


def overconfidence(parts: Tensor, whole: Tensor) -> Tensor:
    """Mean excess of the parts' confidence over the whole's, ``(member,)``.

    Args:
        parts: probabilities by each subset of modalities, ``(member, subset, sample, variable,
            outcome)``.
        whole: the same by all modalities, ``(member, sample, variable, outcome)``.
    """
    part, whole = (x.amax(-1).mean(-1) for x in (parts, whole))
    return (part - whole.unsqueeze(1)).relu().mean((1, 2))
