"""Recurrent layers with a member axis."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from armtune.nn.layers import Init, mean_of, real_steps


class BidirectionalGru(nn.Module):
    r"""A gated recurrent layer that reads sequences forwards and backwards.

    Cho et al. (EMNLP 2014), as torch and cuDNN have it:

    .. math::
        r, z = \sigma(W x + U h + b), \qquad n = \tanh(W x + b + r \odot (U h + c)), \qquad
        h \leftarrow (1 - z) \odot n + z \odot h

    The two directions are batched as if they were members.
    """

    def __init__(self, size_in: int, width: int, init: Init) -> None:
        super().__init__()
        bound = 1 / sqrt(width)
        self.width = width
        self.weight_in = init.uniform(bound, 2, size_in, 3 * width)
        self.bias_in = init.uniform(bound, 2, 1, 3 * width)
        self.weight = init.uniform(bound, 2, width, 3 * width)
        self.bias = init.uniform(bound, 2, 1, 3 * width)

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        """``(member, sample, time, …)`` to ``(member, sample, time, 2 · width)``.

        Args:
            x: sequences.
            real: which steps are read, ``(member, sample, time)``; the state passes over others.
        """
        x = x.flatten(3)
        ways = torch.stack([x, x.flip(2)], dim=1).flatten(0, 1)
        bias, weight = self.bias_in.flatten(0, 1), self.weight_in.flatten(0, 1)
        inputs = torch.baddbmm(bias, ways.flatten(1, 2), weight).unflatten(1, x.shape[1:3])
        if real is not None:
            real = torch.stack([real, real.flip(2)], dim=1).flatten(0, 1)
        ahead, back = self._scan(inputs, real).unflatten(0, (-1, 2)).unbind(1)
        return torch.cat([ahead, back.flip(2)], dim=-1)

    def _scan(self, inputs: Tensor, real: Tensor | None) -> Tensor:
        """States at each time, from inputs ``(member · 2, sample, time, 3 · width)``."""
        weight, bias = self.weight.flatten(0, 1), self.bias.flatten(0, 1)
        gates, news = inputs.split([2 * self.width, self.width], dim=-1)
        state = inputs.new_zeros(*inputs.shape[:2], self.width)
        states = []
        # One time after the other in Python: torch's own GRU can't read a member axis.
        for time, (gate, new) in enumerate(zip(gates.unbind(2), news.unbind(2), strict=True)):
            heard = torch.baddbmm(bias, state, weight)
            reset, keep = (gate + heard[..., : 2 * self.width]).sigmoid().chunk(2, dim=-1)
            fresh = torch.addcmul(new, reset, heard[..., 2 * self.width :]).tanh()
            moved = torch.lerp(fresh, state, keep)
            state = moved if real is None else torch.where(real[..., time, None], moved, state)
            states.append(state)
        return torch.stack(states, dim=2)


class SequenceGru(nn.Sequential):
    """Gated recurrent layers and the mean of the last one's states over time.

    Args:
        layers: from ``(member, sample, time, …)`` to ``(member, sample, feature)``.
        padded: whether steps of zeros are padding, which is neither read nor counted.
    """

    def __init__(self, layers: Sequence[BidirectionalGru], *, padded: bool = False) -> None:
        super().__init__(*layers)
        self.padded = padded

    def forward(self, x: Tensor) -> Tensor:
        real = real_steps(x) if self.padded else None
        for layer in self:
            x = layer(x, real)
        return mean_of(x, real)
