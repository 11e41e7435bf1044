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


@dataclass(frozen=True)
class Bins:
    """Standardised features, and for each how far it has come through every bin of its range.

    Attributes:
        count: bins of a feature, with about as many training samples in each; fewer where values
            repeat.
        components: principal components that are cut into bins in place of the features; 0 for
            none.
    """

    count: int
    components: int = 0


Scaling = Literal["standardized", "binary_kept", "padded", "unchanged"] | int | Bins
"""How a view is scaled; a number for that many principal components of it, standardised."""
SPARSE = 0.5
"""Share of zeros above which a view's features keep their proportions in principal components."""
FITTED_TO = 2000
"""Samples that principal components are fitted to."""
OPTIONAL = ("rotation", "select", "starts", "widths")
"""Arrays of a standardisation that not all have."""
BINNED_BY = 20_000
"""Samples that bins are cut by."""


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
        select: 1 where a bin is of a feature, else 0, ``(feature, bin)``; None where there are no
            bins.
        starts: where each bin begins, ``(bin,)``.
        widths: how wide each bin is, ``(bin,)``.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    rotation: NDArray[np.float32] | None = None
    select: NDArray[np.float32] | None = None
    starts: NDArray[np.float32] | None = None
    widths: NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that a sample has afterwards."""
        if self.select is not None:
            return (sum(self.select.shape),)
        return self.mean.shape if self.rotation is None else self.rotation.shape[1:]

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All that there is, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def problem(self) -> str:
        """Which of its arrays don't fit its samples, to be named; empty if all do."""
        shapes = {name: own.shape for name, own in self.arrays.items()}
        size = self.mean.size
        for name in (name for name in ("rotation", "select") if name in shapes):
            if len(shapes[name]) != 2 or shapes[name][0] != size:
                return f"its {name} doesn't fit"
            size = shapes[name][1]
        bins = [shapes[name][-1:] for name in ("select", "starts", "widths") if name in shapes]
        return "it hasn't all of the bins of" if bins and bins != [bins[0]] * 3 else ""

    def apply(self, view: NDArray[np.float32]) -> NDArray[np.float32]:
        """The standardised view, in new memory: ``(sample, *shape)``."""
        moved = view - self.mean
        moved /= self.std
        if self.rotation is not None:
            moved = np.matmul(moved.reshape(len(moved), -1), self.rotation)
        if self.select is not None:
            moved = moved.reshape(len(moved), -1)
            through = (np.matmul(moved, self.select) - self.starts) / self.widths
            moved = np.concatenate([moved, np.clip(through, 0, 1)], axis=1)
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


def fit_bins(
    view: NDArray[np.float32], present: Present = None, count: int = 1, components: int = 0
) -> Standardization:
    """As ``fit`` or ``fit_components``, then each feature's way through bins between quantiles.

    Each bin gives a number more: 0 below it, 1 above, the share of its width between. Of these a
    linear layer makes any function that is linear in each bin, as a tree makes steps. A feature
    with one bin has none, since it would be the feature itself.

    Source: Gorishniy et al., On Embeddings for Numerical Features in Tabular Deep Learning,
    NeurIPS 2022, section 3.2 (beside the feature itself, ours, in place of open ends).

    Args:
        present: see ``fit``.
        count: bins of a feature at most.
        components: principal components to be cut; 0 for the features themselves.
    """
    plain = fit_components(view, present, components) if components else fit(view, present)
    rows = np.arange(len(view)) if present is None else np.flatnonzero(present)
    some = np.sort(np.random.default_rng(0).permutation(rows)[:BINNED_BY])
    scaled = plain.apply(np.asarray(view[some])).reshape(len(some), -1).astype(np.float64)
    quantiles = np.quantile(scaled, np.linspace(0, 1, count + 1), axis=0)
    edges = [np.unique(own.astype(np.float32)) for own in quantiles.T]
    pairs = [(k, own[:-1], np.diff(own)) for k, own in enumerate(edges) if len(own) > 2]
    features = [k for k, starts, _ in pairs for _ in starts]
    starts, widths = (np.concatenate([[], *(pair[i] for pair in pairs)]) for i in (1, 2))
    select = np.zeros((len(edges), len(features)), np.float32)
    select[features, np.arange(len(features))] = 1
    return replace(
        plain, select=select, starts=starts.astype(np.float32), widths=widths.astype(np.float32)
    )


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
    if isinstance(how, Bins):
        return fit_bins(view, present, how.count, how.components)
    return SCALINGS[how](view, present)


SCALINGS: dict[str, Callable[[NDArray[np.float32], Present], Standardization]] = {
    "standardized": fit,
    "binary_kept": fit_but_binary,
    "padded": fit_padded,
    "unchanged": unchanged,
}
"""The ways to scale a view that have names."""
