r"""On-the-fly gradient modulation with generalisation enhancement: noise on what is modulated.

The gradient :math:`g` of each parameter tensor that ``ogm`` modulates becomes

.. math:: k_m g + \varepsilon, \quad \varepsilon \sim N(0, (\operatorname{std}(g) + 10^{-8})^2)

with :math:`k_m` that of ``ogm`` and the deviation over the tensor's elements before the modulation.
As released, every encoder gets noise in every epoch of the window, also where :math:`k_m = 1`
and at :math:`\alpha = 0`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Gradients, Step
from armtune.balancing._parts import per_member
from armtune.balancing.ogm import GradientModulator
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1e-8
"""What is added to a gradient's deviation, as released."""


class OgmGe(Balancing):
    """Gradient modulation with noise (Peng et al., CVPR 2022): g ← k·g + N(0, std(g)²)."""

    name: Literal["ogm_ge"] = "ogm_ge"
    alpha: float = Field(0.3, ge=0)
    """Strength of the modulation; 0 for none, which leaves the noise."""
    from_epoch: int = Field(0, ge=0)
    """First epoch of modulation and noise, counted from 0."""
    to_epoch: int = Field(51, ge=0)
    """First epoch after them; 51 as released, where 50 is the last."""
    parameters: Literal["convolutions", "all"] = "convolutions"
    """What of an encoder is modulated: its image convolutions' weights, or (ours) everything, since
    the rest of it learns from the same lead."""
    noise: Literal["all", "slowed"] = "all"
    """Which encoders get noise: all, or (ours) the slowed one alone, which is what lost some."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return NoisyModulator(options, context)


class NoisyModulator(GradientModulator):
    """The noisy gradient modulation's hooks."""

    def __init__(self, options: Sequence[OgmGe], context: Context) -> None:
        super().__init__(options, context)
        self.everyone = options[0].noise == "all"

    def start_epoch(self, epoch: Tensor) -> None:
        super().start_epoch(epoch)
        self.epochs = epoch.tolist()
        self.acts = bool(self.open.any())

    def losses(self, step: Step) -> Sequence[Tensor]:
        self.number = step.number // self.context.accumulate
        return super().losses(step)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        if not self.acts:
            return super().change_gradients(gradients)
        spreads = {n: deviation(gradients[0][n]) for names in self.modulated for n in names}
        super().change_gradients(gradients)
        streams = self.context.streams(f"ogm_ge {self.number}", self.epochs, self.factors.device)
        for names, factor in zip(self.modulated, self.factors.unbind(1), strict=True):
            noisy = self.open.squeeze(1) if self.everyone else factor < 1
            for name in names:
                drawn = normal(gradients[0][name], streams)
                spread = torch.where(noisy, spreads[name] + LEAST, 0.0)
                gradients[0][name].add_(drawn * per_member(spread, drawn))


def normal(like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Standard normal draws in the shape of ``like``, each member's from its own generator."""
    draws = [
        torch.randn(like.shape[1:], generator=g, dtype=like.dtype, device=like.device)
        for g in generators
    ]
    return torch.stack(draws)


def deviation(gradient: Tensor) -> Tensor:
    """Standard deviation over all elements of each member's part, ``(member,)``.

    That of a sample, as torch's ``std`` and so as released; 0 for a single element.
    """
    flat = gradient.reshape(len(gradient), -1)
    return flat.std(1) if flat.shape[1] > 1 else torch.zeros_like(flat[:, 0])
