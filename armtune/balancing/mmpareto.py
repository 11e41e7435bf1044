r"""MMPareto: unimodal losses help the encoders only as far as they don't fight the fused loss.

For each encoder, with :math:`g_f` its gradient of the fused loss and :math:`g_u` that of its own
head's loss, over all of the encoder's parameters together,

.. math:: h = w g_f + (1 - w) g_u, \quad w = \tfrac12 \text{ if } g_f \cdot g_u > 0 \text{ else }
    \arg\min_{0 \le w \le 1} \lVert w g_f + (1 - w) g_u \rVert

and the encoder follows :math:`h` at the length :math:`\gamma \lVert g_f + g_u \rVert`: γ times that
of the plain sum, as in the published code, but for the encoder as a whole and not tensor by
tensor. Where :math:`h` vanishes the gradients oppose each other, no step serves both, and none is
taken. Any number of modalities: each encoder has two losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context, Gradients, Step
from armtune.balancing._parts import Window, per_member
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

VANISHING = 1e-5
"""Length of the combined gradient, relative to its parts, under which only rounding is left."""


class MMPareto(Balancing):
    """MMPareto (Wei and Hu, ICML 2024): the mean, or least-norm mix, of two gradients, times γ."""

    name: Literal["mmpareto"] = "mmpareto"
    scale: float = Field(1.5, gt=0)
    """Length of an encoder's gradient relative to the sum of its two, γ."""
    from_epoch: int = Field(0, ge=0)
    """First epoch in which unimodal losses reach the encoders, counted from 0."""
    to_epoch: int = Field(1000, ge=0)
    """First epoch after these."""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return ParetoIntegrator(options, context)


class ParetoIntegrator(Balancer):
    """MMPareto's hooks."""

    def __init__(self, options: Sequence[Any], context: Context) -> None:
        super().__init__(context)
        self.scale = context.knob(options, "scale")
        self.window = Window(options, context)

    def start_epoch(self, epoch: Tensor) -> None:
        self.open = self.window.open(epoch)
        self.heads_reach_encoders = bool(self.open.any())

    def losses(self, step: Step) -> Sequence[Tensor]:
        """The fused loss, with the heads' as a mere number, and the heads' loss."""
        if not self.heads_reach_encoders:
            return super().losses(step)
        heads = self.heads_loss(step)
        return [self.fused_loss(step) + heads.detach(), heads]

    def change_gradients(self, gradients: Sequence[Gradients]) -> None:
        if not self.heads_reach_encoders:
            return
        fused, unimodal = gradients
        network = self.context.network
        encoders = [network.encoder_parameters(m) for m in network.modalities]
        inside = {name for names in encoders for name in names}
        for name in fused.keys() - inside:
            fused[name].add_(unimodal[name])
        for names in encoders:
            self._integrate([fused[n] for n in names], [unimodal[n] for n in names])

    def _integrate(self, fused: Sequence[Tensor], unimodal: Sequence[Tensor]) -> None:
        """Sets an encoder's gradient, in the place of that of the fused loss."""
        followed = integrated(fused, unimodal, self.scale)
        for gradient, new in zip(fused, followed, strict=True):
            gradient.copy_(torch.where(per_member(self.open, gradient), new, gradient))


def integrated(
    fused: Sequence[Tensor], unimodal: Sequence[Tensor], scale: Tensor
) -> Sequence[Tensor]:
    """What an encoder follows, from its two gradients, parameter by parameter.

    Args:
        fused: gradient of the fused loss, ``(member, …)`` each.
        unimodal: gradient of the encoder's own head's loss.
        scale: γ, ``(member,)``.
    """
    share = fused_share(inner(fused, fused), inner(fused, unimodal), inner(unimodal, unimodal))
    mixed = [torch.lerp(u, f, per_member(share, f)) for f, u in zip(fused, unimodal, strict=True)]
    plain = [f + u for f, u in zip(fused, unimodal, strict=True)]
    found, wanted = length(mixed), scale * length(plain)
    vanishes = found <= VANISHING * (length(fused) + length(unimodal))
    tiny = torch.finfo(found.dtype).tiny
    factor = torch.where(vanishes, 0.0, wanted / found.clamp_min(tiny))
    return [gradient * per_member(factor, gradient) for gradient in mixed]


def fused_share(ff: Tensor, fu: Tensor, uu: Tensor) -> Tensor:
    """The weight w of the fused gradient from the two gradients' inner products, ``(member,)``."""
    apart = (ff - 2 * fu + uu).clamp_min(torch.finfo(ff.dtype).tiny)
    # Within 0 … 1 by itself where the two don't agree.
    return torch.where(fu > 0, 0.5, (uu - fu) / apart)


def inner(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Inner product of two gradients over all their parameters, ``(member,)``."""
    terms = [(a * b).reshape(len(a), -1).sum(1) for a, b in zip(first, second, strict=True)]
    return torch.stack(terms).sum(0)


def length(gradient: Sequence[Tensor]) -> Tensor:
    """Euclidean length over all parameters, ``(member,)``."""
    return inner(gradient, gradient).sqrt()
