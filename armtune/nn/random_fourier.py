"""Random Fourier features: a Gaussian kernel as a layer that isn't trained."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from armtune.nn.layers import Init
from armtune.nn.random_streams import stream

SEED = 0
"""Draws the directions, the same for every model: none is lucky."""


class RandomFourier(nn.Module):
    """Waves along random directions, ``(member, sample, *shape)`` to ``(member, sample, feature)``.

    Products of two samples' features estimate exp(−‖x − y‖² / 2s²), times their number (Rahimi and
    Recht, NeurIPS 2007). Directions are orthogonal as long as there is room for it, which lowers
    the estimate's error (Yu et al., Orthogonal Random Features, NeurIPS 2016).

    Buffers:
        directions: ``(member, input, feature / 2)``, each with a sine and a cosine.

    Args:
        size: numbers in a sample.
        features: an even number.
        width: s, in the units of the samples.
    """

    directions: Tensor

    def __init__(self, size: int, features: int, width: float, init: Init) -> None:
        super().__init__()
        own = init.constant(0.0, size, features // 2).detach()
        self.register_buffer("directions", own.copy_(_orthogonal(size, features // 2) / width))

    def forward(self, x: Tensor) -> Tensor:
        angles = torch.bmm(x.flatten(2), self.directions)
        features = torch.cat([angles.cos(), angles.sin()], dim=-1) * sqrt(2)
        # Balancing methods may watch the gradient of any features.
        return features.requires_grad_(torch.is_grad_enabled())


def _orthogonal(size: int, count: int) -> Tensor:
    """Normally distributed columns ``(size, count)``, orthogonal within each block of ``size``."""
    draws = stream(SEED, "random_fourier")
    blocks = []
    for first in range(0, count, size):
        shape = (size, min(size, count - first))
        normal, lengths = torch.randn(2, *shape, generator=draws, dtype=torch.float64)
        blocks.append(torch.linalg.qr(normal).Q * lengths.norm(dim=0))
    return torch.cat(blocks, dim=1)
