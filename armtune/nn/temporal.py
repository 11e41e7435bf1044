"""Convolutions over time with a member axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from armtune.nn.layers import Conv1d, GroupNorm, Init, mean_of, real_steps

GROUPS = 8


class TemporalBlock(nn.Module):
    """A convolution beside its input, ``(member, sample, channel, time)`` in and out."""

    def __init__(self, width: int, kernel: int, dilation: int, init: Init) -> None:
        super().__init__()
        self.conv = Conv1d(width, width, kernel, init, dilation=dilation)
        self.norm = GroupNorm(width, init, GROUPS)

    def forward(self, x: Tensor, real: Tensor | None) -> Tensor:
        """Args: as ``SequenceCnn`` has them; padding is read as the zeros beyond the edges are."""
        read = x if real is None else torch.where(real.unsqueeze(2), x, 0)
        y: Tensor = self.norm(self.conv(read), real)
        return x + y.relu()


class SequenceCnn(nn.Module):
    """Dilated convolutions and their mean over time, ``(member, sample, time, …)`` to features.

    Args:
        center: whether each channel's mean over time is taken off each sample first.
        padded: whether steps of zeros are padding, which takes part in no mean.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        depth: int,
        kernel: int,
        init: Init,
        *,
        center: bool = False,
        padded: bool = False,
    ) -> None:
        super().__init__()
        self.center, self.padded = center, padded
        self.first = Conv1d(channels, width, 1, init)
        blocks = [TemporalBlock(width, kernel, 2**number, init) for number in range(depth)]
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(3)
        real = real_steps(x) if self.padded else None
        if self.center:
            x = x - mean_of(x, real).unsqueeze(2)
        return mean_of(self.steps(x, real), real)

    def steps(self, x: Tensor, real: Tensor | None) -> Tensor:
        """Features at each time, ``(member, sample, time, feature)``.

        Args:
            x: sequences ``(member, sample, time, channel)``.
            real: which steps aren't padding, ``(member, sample, time)``.
        """
        y = self.first(x.transpose(2, 3))
        for block in self.blocks:
            y = block(y, real)
        return y.transpose(2, 3)
