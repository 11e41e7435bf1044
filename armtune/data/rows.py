"""Samples of an array, picked without a copy where the array is memory-mapped."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from armtune.data import Split

CHUNK_BYTES = 1 << 24
"""About how much of a view is in memory at a time, where all of it is gone through."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Rows:
    """Rows of a memory-mapped array ``(sample, *shape)``, in any order, as float32.

    A slice, a number or an array of numbers gives an array in memory; numpy takes the whole for
    one. Elsewhere it passes for an array, with ``shape``, ``ndim``, ``size`` and ``dtype``.

    Args:
        index: numbers of the rows, ``(sample,)``.
        convert: makes float32 of what was read.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, array: NDArray[Any], index: NDArray[np.int64], convert: Callable[[Any], Floats]
    ) -> None:
        self.array, self.index, self.convert = array, index, convert
        self.shape = (len(index), *array.shape[1:])
        self.ndim, self.size = array.ndim, int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> Floats:
        if isinstance(key, tuple):
            return np.asarray(self[:])[key]
        return self.convert(self.array[self.index[key]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)


class Stacked:
    """The samples of two views one after another; read as ``Rows`` are."""

    dtype = np.dtype(np.float32)

    def __init__(self, first: NDArray[Any], second: NDArray[Any]) -> None:
        self.first, self.second = first, second
        self.shape = (len(first) + len(second), *first.shape[1:])
        self.ndim, self.size = first.ndim, int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Floats:
        if isinstance(key, tuple):
            return np.asarray(self[:])[key]
        index = np.arange(len(self))[key]
        wanted, start = np.atleast_1d(index), len(self.first)
        found = np.empty((len(wanted), *self.shape[1:]), np.float32)
        early = wanted < start
        found[early] = self.first[wanted[early]]
        found[~early] = self.second[wanted[~early] - start]
        return found if index.ndim else found[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype)


def stacked(first: Split, second: Split) -> Split:
    """The samples of two splits one after another; not copied where they are memory-mapped."""
    views = {m: _stacked(view, second.views[m]) for m, view in first.views.items()}
    lacked = {
        m: np.concatenate([s.present.get(m, np.ones(len(s), bool)) for s in (first, second)])
        for m in [m for m in views if m in first.present or m in second.present]
    }
    groups = None
    if first.groups is not None and second.groups is not None:
        groups = np.concatenate([first.groups, second.groups])
    return Split(views, np.concatenate([first.labels, second.labels]), lacked, groups)


def _stacked(first: NDArray[Any], second: NDArray[Any]) -> Floats:
    if is_mapped(first) or is_mapped(second):
        return cast(Floats, Stacked(first, second))
    return np.concatenate([as_float32(first), as_float32(second)])


def rows(view: NDArray[Any], index: NDArray[np.int64]) -> Floats:
    """Samples of a view; not copied when it is memory-mapped, or when they are neighbours."""
    if isinstance(view, Stacked):
        return cast(Floats, Rows(cast(Any, view), index, as_float32))
    if isinstance(view, Rows):
        return cast(Floats, Rows(view.array, view.index[index], view.convert))
    neighbours = len(index) > 0 and np.array_equal(index, np.arange(index[0], index[-1] + 1))
    if neighbours and view.dtype == np.float32:
        return view[index[0] : index[-1] + 1]
    if is_mapped(view):
        return cast(Floats, Rows(view, index, as_float32))
    return as_float32(view[index])


def taken(split: Split, index: NDArray[np.int64]) -> Split:
    """Some samples of a split, by their numbers."""
    views = {m: rows(view, index) for m, view in split.views.items()}
    present = {m: there[index] for m, there in split.present.items()}
    lacked = {m: there for m, there in present.items() if not there.all()}
    groups = None if split.groups is None else split.groups[index]
    return Split(views, split.labels[index], lacked, groups)


def is_mapped(view: NDArray[Any]) -> bool:
    """Whether an array, or ``Rows``, lies in a memory-mapped file."""
    owner: Any = view
    while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
        owner = owner.base
    return isinstance(owner, (np.memmap, mmap.mmap, Rows, Stacked))


def as_float32(view: NDArray[Any]) -> Floats:
    """The same numbers as float32; what is too large becomes infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(view, np.float32)


def chunks(view: NDArray[Any], present: Mask | None = None) -> Iterator[Floats]:
    """A view's samples in order, some at a time: of all, or of those that are present."""
    for piece in pieces(view):
        part = view[piece]
        yield as_float32(part if present is None else part[present[piece]])


def pieces(view: NDArray[Any]) -> Iterator[slice]:
    """Slices of about ``CHUNK_BYTES`` that make up a view ``(sample, *shape)``."""
    bytes_each = 8 * int(np.prod(view.shape[1:], dtype=np.int64))
    step = max(1, CHUNK_BYTES // max(1, bytes_each))
    for start in range(0, len(view), step):
        yield slice(start, min(start + step, len(view)))
