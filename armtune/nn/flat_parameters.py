"""All parameters of a pack in one buffer: optimizers, snapshots and members in one place."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn


class FlatParameters:
    """A network's parameters and gradients as two buffers ``(member, parameter)``.

    The network's own parameters become views of them, so that an optimizer's step, a snapshot of
    the best epoch or the removal of a member is one operation on a buffer.
    """

    def __init__(self, network: nn.Module) -> None:
        named = list(network.named_parameters())
        members = len(named[0][1])
        self.shapes = {name: tuple(p.shape[1:]) for name, p in named}
        total = sum(prod(shape) for shape in self.shapes.values())
        like = named[0][1]
        self.parameters = [parameter for _, parameter in named]
        self.values = torch.empty(members, total, dtype=like.dtype, device=like.device)
        self.gradients = torch.zeros_like(self.values)
        self.buffers = [self.gradients]
        for parameter, value in zip(self.parameters, self.split(self.values), strict=True):
            value.copy_(parameter.detach())
            parameter.data = value
        self._named = self.named(self.gradients)

    def differentiate(self, losses: Sequence[Tensor], add: bool = False) -> list[dict[str, Tensor]]:
        """Gradients of scalar losses, by parameter name; the first are parts of ``gradients``.

        A parameter that a loss doesn't use gets zeros.

        Args:
            add: adds to the last call's gradients, of as many losses.
        """
        if not add:
            more = [torch.empty_like(self.gradients) for _ in losses[1:]]
            self.buffers = [self.gradients, *more]
        buffers = self.buffers
        for left, (loss, buffer) in enumerate(zip(losses, buffers, strict=True), 1 - len(losses)):
            parts = torch.autograd.grad(
                loss, self.parameters, retain_graph=left < 0, materialize_grads=True
            )
            flat = [part.flatten(1) for part in parts]
            if add:
                buffer.add_(torch.cat(flat, dim=1))
            else:
                torch.cat(flat, dim=1, out=buffer)
        return [self._named, *map(self.named, buffers[1:])]

    def clip(self, most: float) -> None:
        """Shortens each member's gradient to the largest norm allowed."""
        norms = self.gradients.norm(dim=1, keepdim=True)
        self.gradients.mul_((most / norms).clamp_max(1))

    def split(self, buffer: Tensor) -> list[Tensor]:
        """Each parameter's part of a buffer ``(member, parameter)``, in its own shape."""
        sizes = [prod(shape) for shape in self.shapes.values()]
        parts = zip(buffer.split(sizes, dim=1), self.shapes.values(), strict=True)
        return [part.unflatten(1, shape) if shape else part.squeeze(1) for part, shape in parts]

    def named(self, buffer: Tensor) -> dict[str, Tensor]:
        """Each parameter's part of a buffer by the parameter's name."""
        return dict(zip(self.shapes, self.split(buffer), strict=True))
