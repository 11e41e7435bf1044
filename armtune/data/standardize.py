"""Views scaled by what the training samples say: as a rule to mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from armtune.data.rows import chunks, pieces

Double = NDArray[np.float64]
Present = NDArray[np.bool_] | None
Scaling = Literal["standardized", "binary_kept", "padded", "unchanged"] | int
"""How a view is scaled; a number for that many principal components of it, standardised."""
SPARSE = 0.5
"""Share of zeros above which a view's features keep their proportions in principal components."""
FITTED_TO = 2000
"""Samples that principal components are fitted to."""


@dataclass(frozen=True)
class Standardization:
    """Mean and scale of one view.

    Each feature has its own mean. Where samples are vectors, each also has its own scale; images,
    spectrograms and sequences have one for all, so that their features keep their proportions.

    Attributes:
        mean: of each feature, shaped like a sample.
        std: ``(feature,)`` for vectors and padded sequences, else ``(1,)``; 1 for what is
            constant, which so becomes 0.
        rotation: what standardised features are multiplied with, ``(feature, component)``; None
            where they stay what they are.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    rotation: NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that a sample has afterwards."""
        return self.mean.shape if self.rotation is None else self.rotation.shape[1:]

    def apply(self, view: NDArray[np.float32]) -> NDArray[np.float32]:
        """The standardised view, in new memory: ``(sample, *shape)``."""
        moved = view - self.mean
        moved /= self.std
        if self.rotation is not None:
            moved = np.matmul(moved.reshape(len(moved), -1), self.rotation)
        return moved


def fit(view: NDArray[np.float32], present: Present = None) -> Standardization:
    """Mean and scale of a view ``(sample, *shape)`` of the training split, read in pieces.

    Args:
        present: which samples count, ``(sample,)``; None for all.
    """
    mean = _mean(view, present, lambda piece: piece)
    variance = _mean(view, present, lambda piece: (piece - mean) ** 2)
    size = np.abs(mean)
    if view.ndim > 2:
        variance, size = variance.mean().reshape(1), size.max().reshape(1)
    std = np.sqrt(variance)
    # Rounding leaves a constant a tiny spread, which must not be blown up.
    std = np.where(std <= 1e-6 * size, 1, std)
    return Standardization(mean.astype(np.float32), std.astype(np.float32))


def fit_components(
    view: NDArray[np.float32], present: Present = None, most: int = 1
) -> Standardization:
    """As ``fit``, then the first principal components, with a mean variance of 1.

    There are no more of them than samples can tell. Each is turned so that its largest entry is
    positive, so that every machine finds the same ones. Where most numbers are 0, as words' counts
    are, all features keep their proportions: scaled each by itself, the rarest would count most.

    Args:
        present: see ``fit``.
        most: number of components at most.
    """
    plain = fit(view, present)
    if _share_of_zeros(view, present) > SPARSE:
        plain = replace(plain, std=np.sqrt((plain.std**2).mean(keepdims=True)))
    rows = np.arange(len(view)) if present is None else np.flatnonzero(present)
    some = np.sort(np.random.default_rng(0).permutation(rows)[:FITTED_TO])
    scaled = plain.apply(np.asarray(view[some])).reshape(len(some), -1).astype(np.float64)
    scaled -= scaled.mean(axis=0)
    _, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
    told = max(1, int((sizes > 1e-6 * sizes[0]).sum())) if len(sizes) else 1
    axes, sizes = axes[: min(most, told)], sizes[: min(most, told)]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    spread = np.sqrt((sizes**2).mean() / len(some)) or 1.0
    rotation = np.ascontiguousarray(axes.T / spread, np.float32)
    return replace(plain, rotation=rotation)


def fit_but_binary(view: NDArray[np.float32], present: Present = None) -> Standardization:
    """The same, but what is only ever 0 and 1 stays as it is.

    Args:
        present: see ``fit``.
    """
    found = fit(view, present)
    binary = _mean(view, present, lambda piece: ((piece != 0) & (piece != 1)) * 1.0) == 0
    mean = np.where(binary, 0, found.mean)
    return Standardization(mean, np.where(binary, 1, found.std)) if view.ndim == 2 else found


def fit_padded(view: NDArray[np.float32], present: Present = None) -> Standardization:
    """Scales of padded sequences ``(sample, time, *feature)``, whose zeros stay zeros.

    Each feature is divided by its root mean square over the steps that aren't padding (zeros
    throughout). Nothing is taken off, since a step of zeros couldn't be told afterwards.

    Args:
        present: see ``fit``.
    """
    squares = _mean(view, present, lambda piece: piece**2).mean(axis=0)
    share = _mean(view, present, _real_steps).mean(axis=0)
    size = np.sqrt(squares / np.maximum(share, 1 / view.size))
    std = np.where(size > 0, size, 1).astype(np.float32)
    return Standardization(np.zeros(view.shape[1:], np.float32), std)


def unchanged(view: NDArray[np.float32], present: Present = None) -> Standardization:
    """What leaves a view ``(sample, *shape)`` as it is."""
    return Standardization(np.zeros(view.shape[1:], np.float32), np.ones(1, np.float32))


def standardized(
    view: NDArray[np.float32], present: Present, scale: Standardization
) -> Iterator[NDArray[np.float32]]:
    """A view piece by piece, standardised; zeros for samples that aren't present."""
    for piece in pieces(view):
        part = scale.apply(np.asarray(view[piece]))
        if present is not None:
            part[~present[piece]] = 0
        yield part


def _mean(view: NDArray[np.float32], present: Present, what: Callable[[Double], Double]) -> Double:
    total = np.zeros(view.shape[1:])
    for piece in chunks(view, present):
        total += what(piece.astype(np.float64)).sum(axis=0)
    return total / (len(view) if present is None else present.sum())


def _share_of_zeros(view: NDArray[np.float32], present: Present) -> float:
    return float(_mean(view, present, lambda piece: (piece == 0) * 1.0).mean())


def _real_steps(piece: Double) -> Double:
    """1 for steps that aren't zeros throughout, else 0, ``(sample, time, *1)``."""
    features = tuple(range(2, piece.ndim))
    return np.asarray((piece != 0).any(axis=features, keepdims=True), np.float64)


def fitted(how: Scaling, view: NDArray[np.float32], present: Present = None) -> Standardization:
    """What a view of the training split makes of a way to scale it; see ``fit``."""
    if isinstance(how, int):
        return fit_components(view, present, how)
    return SCALINGS[how](view, present)


SCALINGS: dict[str, Callable[[NDArray[np.float32], Present], Standardization]] = {
    "standardized": fit,
    "binary_kept": fit_but_binary,
    "padded": fit_padded,
    "unchanged": unchanged,
}
"""The ways to scale a view that have names."""
