"""Layers with a member axis: one module holds the same layer of every member of a pack.

Samples come as ``(member, sample, …)`` and weights as ``(member, …)``; members never mix, so the
gradient of the sum of their losses is each member's own gradient. Linear layers are batched matrix
products, convolutions are grouped by member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Sequential = nn.Sequential
Relu = nn.ReLU


class Init:
    """Draws initial weights, each member's from its own stream.

    Args:
        generators: one CPU generator a member.
        dtype: floating type of the weights.
    """

    def __init__(self, generators: Sequence[torch.Generator], dtype: torch.dtype) -> None:
        self.generators = generators
        self.dtype = dtype

    @property
    def members(self) -> int:
        return len(self.generators)

    def uniform(self, bound: float, *shape: int) -> nn.Parameter:
        """Uniform draws from ``[-bound, bound)``, ``(member, *shape)``."""
        draws = [torch.rand(shape, generator=g, dtype=self.dtype) for g in self.generators]
        return nn.Parameter(torch.stack(draws).mul_(2 * bound).sub_(bound))


class Linear(nn.Module):
    """``x W + b`` from ``(member, sample, in)`` to ``(member, sample, out)``.

    Weights start as torch's own: uniform within ±1/√in.
    """

    def __init__(self, size_in: int, size_out: int, init: Init) -> None:
        super().__init__()
        bound = 1 / sqrt(size_in)
        self.weight = init.uniform(bound, size_in, size_out)
        self.bias = init.uniform(bound, 1, size_out)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class Conv2d(nn.Module):
    """Convolution with same padding, ``(member, sample, channel, height, width)`` in and out."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, init: Init) -> None:
        super().__init__()
        bound = 1 / sqrt(channels_in * kernel * kernel)
        self.weight = init.uniform(bound, channels_out, channels_in, kernel, kernel)
        self.bias = init.uniform(bound, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        members = len(x)
        grouped = x.transpose(0, 1).flatten(1, 2)
        y = F.conv2d(
            grouped, self.weight.flatten(0, 1), self.bias.flatten(), padding="same", groups=members
        )
        return y.unflatten(1, (members, -1)).transpose(0, 1)


class MaxPool2d(nn.Module):
    """Largest value in windows of ``size`` × ``size``; an axis shorter than the window is kept."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        window = [min(self.size, extent) for extent in x.shape[-2:]]
        return F.max_pool2d(x.flatten(0, 1), window).unflatten(0, x.shape[:2])


class Flatten(nn.Module):
    """``(member, sample, …)`` to ``(member, sample, feature)``."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)


class AddChannel(nn.Module):
    """``(member, sample, height, width)`` to ``(member, sample, 1, height, width)``."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(2)


class Concat(nn.Module):
    """Features of all modalities side by side."""

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        return torch.cat(list(features.values()), dim=-1)
