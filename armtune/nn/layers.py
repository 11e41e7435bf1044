"""Layers with a member axis: one module holds the same layer of every member of a pack.

Samples come as ``(member, sample, …)`` and weights as ``(member, …)``; members never mix, so the
gradient of the sum of their losses is each member's own gradient. Linear layers are batched matrix
products, convolutions and group norms are grouped by member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import gcd, prod, sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from armtune.errors import RunError
from armtune.nn.products import affine

EPS = 1e-5
"""What norms add to a variance, as torch's own do."""
Modules = nn.ModuleList
Relu = nn.ReLU


class TooManyWeightsError(RunError):
    """A network would have more weights than it may."""


class Init:
    """Draws initial weights, each member's from its own stream.

    Args:
        generators: one CPU generator a member.
        dtype: floating type of the weights.
        most: how many weights there may be; None for any number.
    """

    def __init__(
        self, generators: Sequence[torch.Generator], dtype: torch.dtype, most: int | None = None
    ) -> None:
        self.generators = generators
        self.dtype = dtype
        self._left = most

    @property
    def members(self) -> int:
        return len(self.generators)

    def uniform(self, bound: float, *shape: int) -> nn.Parameter:
        """Uniform draws from ``[-bound, bound)``, ``(member, *shape)``."""
        self._count(shape)
        with _allocating(shape):
            draws = [torch.rand(shape, generator=g, dtype=self.dtype) for g in self.generators]
            return nn.Parameter(torch.stack(draws).mul_(2 * bound).sub_(bound))

    def constant(self, value: float, *shape: int) -> nn.Parameter:
        """The same value everywhere, ``(member, *shape)``."""
        self._count(shape)
        with _allocating(shape):
            return nn.Parameter(torch.full((self.members, *shape), value, dtype=self.dtype))

    def _count(self, shape: Sequence[int]) -> None:
        """Takes weights off those that there may be, before there is any memory for them.

        Raises:
            TooManyWeightsError: there may be no more.
        """
        if self._left is not None:
            self._left -= self.members * prod(shape)
            if self._left < 0:
                raise TooManyWeightsError("a network of the recipe has more weights")


@contextmanager
def _allocating(shape: Sequence[int]) -> Iterator[None]:
    """Says what takes more memory than there is."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        said = " x ".join(map(str, shape))
        raise TooManyWeightsError(f"{said} weights take more memory than there is") from error


class Linear(nn.Module):
    """``x W + b`` from ``(member, sample, in)`` to ``(member, sample, out)``.

    Weights start as torch's own: uniform within ±1/√in.
    """

    def __init__(self, size_in: int, size_out: int, init: Init) -> None:
        super().__init__()
        bound = 1 / sqrt(size_in)
        self.weight = init.uniform(bound, size_in, size_out)
        self.bias = init.uniform(bound, 1, size_out)

    def forward(self, x: Tensor, rectify: bool = False) -> Tensor:
        return affine(x, self.weight, self.bias, rectify)


def in_turn(x: Any, steps: Iterable[nn.Module]) -> Any:
    """What modules make of ``x`` one after another; a rectifier is part of a product before it."""
    row = list(steps)
    for before, module, after in zip([None, *row], row, [*row[1:], None], strict=False):
        if isinstance(module, Linear):
            x = module(x, isinstance(after, Relu))
        elif not (isinstance(module, Relu) and isinstance(before, Linear)):
            x = module(x)
    return x


class Sequential(nn.Sequential):
    """Modules one after another."""

    def forward(self, x: Any) -> Any:
        return in_turn(x, self)


class _Conv(nn.Module):
    """Convolution over the last ``axes`` axes; with ``stride`` 1 it keeps their lengths."""

    axes: int

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        init: Init,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.dilation = stride, dilation
        window = [kernel] * self.axes
        bound = 1 / sqrt(channels_in * kernel**self.axes)
        self.weight = init.uniform(bound, channels_out, channels_in, *window)
        self.bias = init.uniform(bound, channels_out) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        convolve = F.conv1d if self.axes == 1 else F.conv2d
        y = convolve(
            channels_last(by_channel(x)),
            self.weight.flatten(0, 1),
            None if self.bias is None else self.bias.flatten(),
            self.stride,
            "same" if self.stride == 1 else self.weight.shape[-1] // 2,
            self.dilation,
            len(x),
        )
        return by_member(y, len(x))


class Conv1d(_Conv):
    """Convolution over time, ``(member, sample, channel, time)`` in and out."""

    axes = 1


class Conv2d(_Conv):
    """Convolution of images, ``(member, sample, channel, height, width)`` in and out."""

    axes = 2


class GroupNorm(nn.Module):
    """Mean 0 and variance 1 within groups of channels of each sample, then a scale and a shift.

    Group normalization (Wu & He, ECCV 2018). Unlike batch norm it reads each sample alone: it does
    the same in training and prediction, whoever shares the batch, and no statistics cross members.

    Args:
        groups: number of groups; the largest common divisor with the number of channels is used.
    """

    def __init__(self, channels: int, init: Init, groups: int = 32) -> None:
        super().__init__()
        self.groups = gcd(groups, channels)
        self.weight = init.constant(1.0, channels)
        self.bias = init.constant(0.0, channels)

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        """The same shape as ``x``, ``(member, sample, channel, …)``.

        Args:
            x: values.
            real: of ``(member, sample, channel, time)`` which times count, ``(member, sample,
                time)``; all do if None.
        """
        if real is not None:
            return self._over(x, real[:, :, None, None])
        groups = len(x) * self.groups
        y = F.group_norm(by_channel(x), groups, self.weight.flatten(), self.bias.flatten())
        return by_member(y, len(x))

    def _over(self, x: Tensor, real: Tensor) -> Tensor:
        """The same with mean and variance over some times, ``(member, sample, 1, 1, time)``."""
        groups = x.unflatten(2, (self.groups, -1))
        count = (real.sum(-1, keepdim=True) * groups.shape[3]).clamp(min=1)
        mean = torch.where(real, groups, 0).sum((-2, -1), keepdim=True) / count
        apart = groups - mean
        variance = torch.where(real, apart, 0).square().sum((-2, -1), keepdim=True) / count
        y = (apart * torch.rsqrt(variance + EPS)).flatten(2, 3)
        scale, shift = (p[:, None, :, None] for p in (self.weight, self.bias))
        return y * scale + shift


class LayerNorm(nn.Module):
    """Mean 0 and variance 1 over the features of ``(member, row, feature)``, then scale and shift.

    Layer normalization (Ba et al., 2016).
    """

    def __init__(self, size: int, init: Init) -> None:
        super().__init__()
        self.weight = init.constant(1.0, 1, size)
        self.bias = init.constant(0.0, 1, size)

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:]) * self.weight + self.bias


def by_channel(x: Tensor) -> Tensor:
    """``(member, sample, channel, …)`` to ``(sample, member · channel, …)``."""
    return x.transpose(0, 1).flatten(1, 2)


def by_member(y: Tensor, members: int) -> Tensor:
    """``(sample, member · channel, …)`` to ``(member, sample, channel, …)``."""
    return y.unflatten(1, (members, -1)).transpose(0, 1)


def channels_last(x: Tensor) -> Tensor:
    """Images in the memory format in which a CPU pools and convolves packs several times faster.

    A recorded or compiled network leaves the layout to whoever runs it.
    """
    if x.dim() != 4 or x.device.type != "cpu" or torch.compiler.is_compiling():
        return x
    return x.contiguous(memory_format=torch.channels_last)


class MaxPool2d(nn.Module):
    """Largest value in windows of ``size`` × ``size``; an axis shorter than the window is kept."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        window = [min(self.size, extent) for extent in x.shape[-2:]]
        y = channels_last(x.flatten(0, 1))
        return F.max_pool2d(y, window).unflatten(0, x.shape[:2])


class Embedding(nn.Module):
    """Embeddings of tokens numbered from 1, ``(member, sample, token)`` to their features.

    Numbers up to 0 are padding, whose features are 0; those above ``vocabulary`` are read as it.

    Args:
        bound: of the first weights; 1/√size if None.
    """

    def __init__(self, vocabulary: int, size: int, init: Init, bound: float | None = None) -> None:
        super().__init__()
        self.vocabulary, self.token_width = vocabulary, size
        self.weight = init.uniform(bound or 1 / sqrt(size), vocabulary, size)

    def forward(self, x: Tensor) -> Tensor:
        """``(member, sample, token, feature)``."""
        return F.embedding(*self.rows(x), padding_idx=0).unflatten(0, x.shape[:2])

    def rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Row numbers ``(member · sample, token)`` in one table of all members' embeddings."""
        ids = x.long().clamp(0, self.vocabulary)
        rows = torch.arange(len(x), device=x.device).view(-1, 1, 1) * self.vocabulary + ids
        # The table's first row stands for padding.
        table = F.pad(self.weight.flatten(0, 1), (0, 0, 1, 0))
        return torch.where(ids > 0, rows, 0).flatten(0, 1), table


class EmbeddingBag(Embedding):
    """Mean embedding of a sample's tokens, ``(member, sample, token)`` to features.

    Padding counts for nothing, and a sample of padding alone is zeros.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``(member, sample, feature)``."""
        means = F.embedding_bag(*self.rows(x), mode="mean", padding_idx=0)
        return means.unflatten(0, x.shape[:2])


class Flatten(nn.Module):
    """``(member, sample, …)`` to ``(member, sample, feature)``."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)


class Given(nn.Module):
    """``(member, sample, …)`` to ``(member, sample, feature)``, with nothing learnt."""

    def forward(self, x: Tensor) -> Tensor:
        # Balancing methods may watch the gradient of any features.
        return x.flatten(2).detach().requires_grad_(torch.is_grad_enabled())


def real_steps(x: Tensor) -> Tensor:
    """Which steps of ``(member, sample, time, …)`` aren't padding, which is zeros throughout."""
    return (x.flatten(3) != 0).any(-1)


def mean_of(x: Tensor, real: Tensor | None) -> Tensor:
    """Mean over time of ``(member, sample, time, feature)``, over real steps where they are told.

    Args:
        x: the steps.
        real: which of them count, ``(member, sample, time)``; where none does, the mean is 0.
    """
    if real is None:
        return x.mean(2)
    counted = torch.where(real.unsqueeze(-1), x, 0).sum(2)
    return counted / real.sum(2, keepdim=True).clamp(min=1)


class AddChannel(nn.Module):
    """``(member, sample, height, width)`` to ``(member, sample, 1, height, width)``."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(2)


class Composed(nn.Module):
    """A function of an input and of modules as a module: a plug-in needs no class of torch's.

    Args:
        function: called with the input and the modules. It must hold no module itself, so that a
            copy of this one is whole.
    """

    def __init__(self, function: Callable[..., Any], *modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)

    def forward(self, x: object) -> Any:
        return self.function(x, *self.parts)


def each(sizes: Mapping[str, int], size_out: int, init: Init) -> nn.ModuleList:
    """A linear layer for each modality, in the given order."""
    return nn.ModuleList(Linear(size, size_out, init) for size in sizes.values())
