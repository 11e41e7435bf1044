"""Residual networks with a member axis, their parts named as in torchvision's weight files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import gcd

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from armtune.nn.image_shapes import LEAST, values_of
from armtune.nn.layers import Conv2d, GroupNorm, Init, by_channel, by_member

Norm = Callable[[int], nn.Module]
"""Makes the norm of so many channels."""


class FrozenNorm(nn.Module):
    """A scale and a shift of each channel: a batch norm whose statistics stay as they are."""

    def __init__(self, channels: int, init: Init) -> None:
        super().__init__()
        self.weight = init.constant(1.0, channels)
        self.bias = init.constant(0.0, channels)

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = (p[:, None, :, None, None] for p in (self.weight, self.bias))
        return x * scale + shift


GROUPS = 32


def norm_of(kind: str, channels: int, values: int, init: Init) -> nn.Module:
    """A norm of channels with so many values in all: few values make fewer groups."""
    if kind == "frozen":
        return FrozenNorm(channels, init)
    groups = GROUPS
    while groups > 1 and values // gcd(groups, channels) < LEAST:
        groups //= 2
    return GroupNorm(channels, init, groups)


class MaxPool(nn.Module):
    """Largest value in overlapping windows of 3 × 3, every other one."""

    def forward(self, x: Tensor) -> Tensor:
        return by_member(F.max_pool2d(by_channel(x), 3, 2, 1), len(x))


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, sizes: tuple[int, int], stride: int, norm: Norm, init: Init) -> None:
        super().__init__()
        size_in, size_out = sizes
        self.conv1 = Conv2d(size_in, size_out, 3, init, stride=stride, bias=False)
        self.bn1 = norm(size_out)
        self.conv2 = Conv2d(size_out, size_out, 3, init, bias=False)
        self.bn2 = norm(size_out)
        self.downsample = nn.Sequential()
        if stride > 1 or size_in != size_out:
            shortcut = Conv2d(size_in, size_out, 1, init, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, norm(size_out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(y)) + self.downsample(x)).relu()


class ResNet(nn.Module):
    """A residual network, from ``(member, sample, *shape)`` to features, averaged over frames.

    He et al., Deep Residual Learning for Image Recognition (CVPR 2016).

    Args:
        shape: ``(height, width)``, ``(channel, height, width)`` or with frames in front of these;
            with group norm, none of its ``values_of`` is below ``LEAST``.
        blocks: number of basic blocks of each stage; each stage has twice the last one's channels.
        stem: ``imagenet`` for a convolution of side 7 that halves the image, and pooling;
            ``small`` for one of side 3 alone.
        norm: ``group`` or ``frozen``.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int,
        blocks: Sequence[int],
        stem: str,
        norm: str,
        init: Init,
    ) -> None:
        super().__init__()
        self.axes = len(shape)
        channels = (1, *shape)[-3]
        kernel, stride = (7, 2) if stem == "imagenet" else (3, 1)
        self.conv1 = Conv2d(channels, width, kernel, init, stride=stride, bias=False)
        values = values_of(shape, width, len(blocks), stem)
        self.bn1 = norm_of(norm, width, values[0], init)
        self.maxpool = MaxPool() if stem == "imagenet" else nn.Sequential()
        size_in = width
        for number, count in enumerate(blocks):
            size = width * 2**number
            stride = 2 if number else 1
            made = partial(norm_of, norm, values=values[number], init=init)
            first = BasicBlock((size_in, size), stride, made, init)
            others = [BasicBlock((size, size), 1, made, init) for _ in range(count - 1)]
            self.add_module(f"layer{number + 1}", nn.Sequential(first, *others))
            size_in = size
        self.stages = len(blocks)

    def forward(self, x: Tensor) -> Tensor:
        if self.axes == 4:
            return self._features(x.flatten(1, 2)).unflatten(1, x.shape[1:3]).mean(2)
        return self._features(x if self.axes == 3 else x.unsqueeze(2))

    def _features(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for number in range(1, self.stages + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x.mean((-2, -1))


def fold_statistics(tensors: dict[str, Tensor], eps: float = 1e-5) -> dict[str, Tensor]:
    """Batch norms' statistics folded into their scales and shifts.

    Args:
        tensors: by name, as torchvision names them; other tensors are left as they are.
        eps: what the batch norms add to the variance.
    """
    folded = dict(tensors)
    for name in [n for n in tensors if n.endswith(".running_var")]:
        norm = name.removesuffix(".running_var")
        scale = tensors[f"{norm}.weight"] / torch.sqrt(tensors[name] + eps)
        shift = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
        folded |= {f"{norm}.weight": scale, f"{norm}.bias": shift}
    return folded
