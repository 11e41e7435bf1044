"""Random streams: each member, purpose and epoch has its own, whatever else is running.

Nothing carries over from one epoch to the next, so a restored run draws what it would have drawn.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np

from armtune.plugins.lazy_imports import torch


def stream(
    seed: int, purpose: str, epoch: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator for one seed, purpose and epoch; what it draws differs by the kind of device."""
    return torch.Generator(device).manual_seed(seed_for(seed, purpose, epoch))


def seed_for(seed: int, purpose: str, *at: int) -> int:
    """A seed for one purpose, and place in a training, of a member with one seed."""
    entropy = np.random.SeedSequence([seed, crc32(purpose.encode()), *at])
    # As Python's number first: numpy 1 shifts no unsigned one by it.
    return int(entropy.generate_state(1, np.uint64)[0]) >> 1
