"""A modality's samples as one row of numbers each, as simple models read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from armtune.data import Split
from armtune.data.rows import pieces

Floats = NDArray[np.float64]
Rows = Any
"""Samples before they are scaled: a dense matrix of float32, or a sparse one of words' counts."""

MOST_VALUES = 4096
"""Numbers a sample from which images and sequences are pooled."""
MOST_WORDS = 5000
"""Words that a bag holds: the most frequent in the training samples."""
WIDE = 1000
"""Columns from which there are principal components instead."""
COMPONENTS = 300
"""How many at most."""

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class View:
    """A modality's samples of one split.

    Attributes:
        rows: ``(sample, column)``.
        present: which samples have the modality, ``(sample,)``.
        shape: of a sample as the data set gives it.
    """

    rows: Rows
    present: NDArray[np.bool_]
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.rows.shape[1])


def read(split: Split, modality: str, tokens: bool) -> View:
    """Reads a modality's samples, piece by piece.

    Args:
        tokens: whether they are numbers of words, padded with 0.
    """
    view = split.views[modality]
    shape = tuple(view.shape[1:])
    everyone = np.ones(len(split), np.bool_)
    parts = [np.asarray(view[piece], np.float32) for piece in pieces(view)]
    rows = _bags(parts) if tokens else np.concatenate([_flat(_pooled(part)) for part in parts])
    return View(rows, split.present.get(modality, everyone), shape)


def both(first: View, second: View) -> View:
    """The samples of two splits."""
    present = np.concatenate([first.present, second.present])
    if not sparse.issparse(first.rows):
        return View(np.concatenate([first.rows, second.rows]), present, first.shape)
    width = max(first.width, second.width)
    wide = [sparse.csr_matrix(v.rows, copy=True) for v in (first, second)]
    for rows in wide:
        rows.resize(rows.shape[0], width)
    return View(sparse.vstack(wide, format="csr"), present, first.shape)


def _flat(part: NDArray[np.float32]) -> NDArray[np.float32]:
    return part.reshape(len(part), -1)


def _pooled(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of neighbours along the longest axis, halved until a sample is small enough."""
    while part.ndim > 2 and part[0].size > MOST_VALUES:
        axis = int(np.argmax(part.shape[1:])) + 1
        even = part.shape[axis] // 2 * 2
        first, second = (part.take(range(k, even, 2), axis) for k in (0, 1))
        part = ((first + second) / 2).astype(np.float32)
    return part


def _bags(parts: list[NDArray[np.float32]]) -> sparse.csr_matrix:
    """Counts ``(sample, word)`` of words by number, without padding and what is no number."""
    numbers = np.nan_to_num(_flat(np.concatenate(parts)), posinf=0, neginf=0).astype(np.int64)
    samples, places = np.nonzero(numbers > 0)
    words = numbers[samples, places]
    shape = (len(numbers), int(words.max(initial=0)) + 1)
    return sparse.csr_matrix((np.ones(len(words)), (samples, words)), shape=shape)


class Scaler:
    """Makes columns of a view that a model can read, with what training samples say of them.

    Values that are missing or infinite become the column's mean; a column more says which samples
    lack the modality, where some do. Vectors are standardised column by column; images and
    sequences keep their proportions, as do words and principal components.
    """

    def __init__(self, view: View) -> None:
        self._columns = Bags(view) if sparse.issparse(view.rows) else Numbers(view)
        inside = self._columns.apply(view.rows)
        self._components: NDArray[np.float64] | None = None
        if inside.shape[1] > WIDE:
            self._components = _components(inside[view.present])
            inside = inside @ self._components
        spread = float(np.sqrt(inside[view.present].var(axis=0).mean()))
        self._scale = spread if spread > 0 else 1.0
        self._indicator = not view.present.all()

    def apply(self, view: View) -> Floats:
        """The columns ``(sample, column)``, about the size of 1."""
        inside = self._columns.apply(view.rows)
        if self._components is not None:
            inside = inside @ self._components
        inside = inside / self._scale
        inside[~view.present] = 0
        return np.column_stack([inside, ~view.present]) if self._indicator else inside


class Numbers:
    """Standardises numbers."""

    def __init__(self, view: View) -> None:
        rows = _finite(view.rows[view.present])
        count = np.maximum((~np.isnan(rows)).sum(axis=0), 1)
        self._mean = np.nansum(rows, axis=0) / count
        deviation = np.nan_to_num(rows - self._mean)
        variance = (deviation**2).sum(axis=0) / count
        # Rounding leaves a constant a tiny spread, which must not be blown up.
        alive = np.sqrt(variance) > 1e-6 * np.abs(self._mean)
        if len(view.shape) > 1:
            variance = np.full_like(variance, variance[alive].mean() if alive.any() else 0)
        self._factor = np.where(
            alive & (variance > 0), 1 / np.sqrt(np.maximum(variance, 1e-300)), 0
        )

    def apply(self, rows: NDArray[np.float32]) -> Floats:
        """Standardised rows."""
        return np.nan_to_num((_finite(rows) - self._mean) * self._factor)


class Bags:
    """Weighs words by how rare they are (TF-IDF); each sample has the length 1."""

    def __init__(self, view: View) -> None:
        rows = view.rows[view.present]
        found = np.asarray((rows > 0).sum(axis=0)).ravel()
        order = np.argsort(-found, kind="stable")[:MOST_WORDS]
        self._words = np.sort(order[found[order] > 0])
        self._weights = np.log((1 + rows.shape[0]) / (1 + found[self._words])) + 1
        self._mean = self._weighed(rows).mean(axis=0)

    def apply(self, rows: sparse.csr_matrix) -> Floats:
        """Weighed and centred rows."""
        return self._weighed(rows) - self._mean

    def _weighed(self, rows: sparse.csr_matrix) -> Floats:
        known = self._words[self._words < rows.shape[1]]
        counts = np.zeros((rows.shape[0], len(self._words)))
        counts[:, : len(known)] = rows[:, known].toarray()
        weighed = counts * self._weights
        return weighed / np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-12)


def _finite(rows: NDArray[np.float32]) -> Floats:
    """In double precision, NaN where a number isn't finite."""
    return np.where(np.isfinite(rows), rows, np.nan).astype(np.float64)


def _components(rows: Floats) -> Floats:
    """Directions of the largest variance of centred rows, ``(column, component)``."""
    from sklearn.decomposition import PCA

    count = max(1, min(COMPONENTS, rows.shape[0] - 1, rows.shape[1]))
    directions: Floats = PCA(count, random_state=0).fit(rows).components_
    return directions.T
