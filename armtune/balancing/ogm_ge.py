r"""On-the-fly gradient modulation with generalisation enhancement: noise for what was slowed.

The gradient :math:`g` of each parameter tensor of an encoder becomes

.. math:: k_m g + \varepsilon, \quad \varepsilon \sim N(0, \operatorname{std}(g)^2)

with :math:`k_m` that of ``ogm`` and the standard deviation over the tensor's elements before the
modulation. Only encoders with :math:`k_m < 1` get noise.
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


class OgmGe(Balancing):
    """Gradient modulation with noise (Peng et al., CVPR 2022): g ← k·g + N(0, std(g)²)."""

    name: Literal["ogm_ge"] = "ogm_ge"
    alpha: float = Field(0.3, ge=0)
    """Strength of the modulation; 0 for none, and no noise."""
    from_epoch: int = Field(0, ge=0)
    """First epoch of modulation, counted from 0."""
    to_epoch: int = Field(50, ge=0)
    """First epoch after the modulation; 50 as published."""

    def problem(self, modalities: Sequence[str]) -> str:
        return "" if len(modalities) > 1 else "ogm_ge balances two modalities or more"

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return NoisyModulator(options, context)


class NoisyModulator(GradientModulator):
    """The noisy gradient modulation's hooks."""

    def start_epoch(self, epoch: Tensor) -> None:
        super().start_epoch(epoch)
        self.epochs = epoch.tolist()
        self.acts = bool((self.open.squeeze(1) & (self.alpha > 0)).any())

    def losses(self, step: Step) -> Sequence[Tensor]:
        self.number = step.number
        return super().losses(step)

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        if not self.acts:
            return
        noise = self._noise(gradients[0])
        super().change_gradients(gradients)
        for name, amounts in noise.items():
            gradients[0][name].add_(amounts)

    def _noise(self, gradients: Gradients) -> Gradients:
        """Noise for each encoder's parameters; zeros where the encoder isn't slowed."""
        network = self.context.network
        purpose = f"ogm_ge {self.number}"
        generators = self.context.streams(purpose, self.epochs, self.factors.device)
        noise = {}
        for modality, factor in zip(network.modalities, self.factors.unbind(1), strict=True):
            for name in network.encoder_parameters(modality):
                drawn = normal(gradients[name], generators)
                spread = torch.where(factor < 1, deviation(gradients[name]), 0.0)
                noise[name] = drawn * per_member(spread, drawn)
        return noise


def normal(like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Standard normal draws in the shape of ``like``, each member's from its own generator."""
    draws = [
        torch.randn(like.shape[1:], generator=g, dtype=like.dtype, device=like.device)
        for g in generators
    ]
    return torch.stack(draws)


def deviation(gradient: Tensor) -> Tensor:
    """Standard deviation over all elements of each member's part, ``(member,)``."""
    return gradient.reshape(len(gradient), -1).std(1, correction=0)
