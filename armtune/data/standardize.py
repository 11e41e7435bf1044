"""Views brought to mean 0 and standard deviation 1, by what the training samples say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 1 << 24


@dataclass(frozen=True)
class Standardization:
    """Mean and scale of one view.

    Where samples are vectors, each feature has its own; images, spectrograms and sequences
    have one of each, so that their features keep their proportions.

    Attributes:
        mean: ``(feature,)`` or ``(1,)``.
        std: the same shape; 1 where a feature is constant, which so becomes 0.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    def apply(self, view: NDArray[np.float32]) -> NDArray[np.float32]:
        """The standardised view, in new memory: ``(sample, *shape)`` to the same."""
        return (view - self.mean) / self.std


def fit(view: NDArray[np.float32]) -> Standardization:
    """Mean and scale of a view ``(sample, *shape)`` of the training split, read in pieces."""
    axes = (0,) if view.ndim == 2 else tuple(range(view.ndim))
    count = view.size if view.ndim > 2 else len(view)
    mean = sum(np.sum(piece, axis=axes) for piece in _pieces(view)) / count
    square = sum(np.sum((piece - mean) ** 2, axis=axes) for piece in _pieces(view)) / count
    mean, std = np.atleast_1d(mean), np.atleast_1d(np.sqrt(square))
    constant = std <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
    return Standardization(mean.astype(np.float32), np.where(constant, 1, std).astype(np.float32))


def _pieces(view: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
    rows = max(1, CHUNK_BYTES // (8 * max(1, view[:1].size)))
    for start in range(0, len(view), rows):
        yield view[start : start + rows].astype(np.float64)
