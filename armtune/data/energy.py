"""Images with part of their energy removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 4096


@dataclass(frozen=True)
class Projection:
    """The mean of some images and their strongest principal components.

    Attributes:
        mean: ``(pixel,)``.
        components: orthonormal rows, ``(component, pixel)``.
        kept: share of the energy (variance around the mean) that the components hold.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    kept: float

    def apply(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The images without what the components don't hold: ``(n, pixel)`` to the same."""
        centred = images - self.mean
        return np.asarray(self.mean + centred @ self.components.T @ self.components, np.float32)


def strongest(images: NDArray[np.uint8], share: float) -> Projection:
    """The fewest principal components that hold at least ``share`` of the energy.

    Args:
        images: the training images only, ``(n, pixel)``; their values are scaled to 0 … 1.
        share: above 0, at most 1.
    """
    mean = images.mean(axis=0, dtype=np.float64) / 255
    scatter = np.zeros((len(mean), len(mean)))
    for start in range(0, len(images), CHUNK):
        centred = scaled(images[start : start + CHUNK]) - mean.astype(np.float32)
        scatter += centred.T @ centred
    energies, vectors = np.linalg.eigh(scatter)
    held = np.cumsum(energies[::-1]) / energies.sum()
    count = min(int(np.searchsorted(held, share - 1e-9)) + 1, len(held))
    components = vectors[:, ::-1][:, :count].T
    return Projection(
        mean.astype(np.float32), components.astype(np.float32), float(min(held[count - 1], 1.0))
    )


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey values from 0 … 255 to 0 … 1."""
    return images.astype(np.float32) / np.float32(255)
