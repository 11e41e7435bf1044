"""Random streams: each member, purpose and epoch has its own, whatever else is running.

Nothing carries over from one epoch to the next, so a restored run draws what it would have drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor


def stream(
    seed: int, purpose: str, epoch: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator for one seed, purpose and epoch; what it draws differs by the kind of device."""
    return torch.Generator(device).manual_seed(seed_for(seed, purpose, epoch))


def seed_for(seed: int, purpose: str, *at: int) -> int:
    """A seed for one purpose, and place in a training, of a member with one seed."""
    return seeds(seed, purpose, 1, *at)[0]


def seeds(seed: int, purpose: str, count: int, *at: int) -> list[int]:
    """Several of them; the first is that of ``seed_for``."""
    entropy = np.random.SeedSequence([seed, crc32(purpose.encode()), *at])
    # As Python's numbers first: numpy 1 shifts no unsigned one by them.
    return [int(number) >> 1 for number in entropy.generate_state(count, np.uint64)]


class Draws:
    """Random numbers for a batch of every member's samples.

    Args:
        generators: each member's own, on the device that draws.
        samples: of a member.
        dtype: floating type of the numbers.
    """

    def __init__(
        self, generators: Sequence[torch.Generator], samples: int, dtype: torch.dtype
    ) -> None:
        self.generators, self.samples, self.dtype = generators, samples, dtype

    def uniform(self, *shape: int) -> Tensor:
        """Uniform draws in [0, 1), ``(member, sample, *shape)``."""
        return self._drawn(torch.rand, shape)

    def normal(self, *shape: int) -> Tensor:
        """Draws of a standard normal distribution, ``(member, sample, *shape)``."""
        return self._drawn(torch.randn, shape)

    def _drawn(self, draw: Callable[..., Tensor], shape: Sequence[int]) -> Tensor:
        size = (self.samples, *shape)
        own = [draw(size, generator=g, dtype=self.dtype, device=g.device) for g in self.generators]
        return torch.stack(own)
