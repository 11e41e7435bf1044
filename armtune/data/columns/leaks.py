"""Columns that tell the label: what learns from them learns nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armtune.data.columns.numbers import known_cells, number_style, parsed

if TYPE_CHECKING:
    import pyarrow as pa

CHANCE = 1e-6
"""Most probability of a column that tells all labels by chance."""
DETERMINES = "determines the label"
"""How a word begins on a column that is no copy of the label and yet tells it."""
FIRST = 10_000
"""Rows that are looked at first: most columns show there that they don't tell the label."""
CORRELATION = 1 - 1e-9
"""Squared correlation from which two columns of numbers are one."""


def leak(cells: pa.Array, labels: pa.Array) -> str:
    """How a column tells the label, in words; empty where it doesn't.

    Args:
        cells: a column as text, ``(row,)``.
        labels: the label as text, ``(row,)``.
    """
    if cells.equals(labels):
        return "equals the label"
    first = (column.slice(0, FIRST) for column in (cells, labels))
    if _agree(*map(_codes, first)) and (said := _determines(_codes(cells), _codes(labels))):
        return said
    return "is the label in other units" if _is_line(cells, labels) else ""


def _codes(cells: pa.Array) -> NDArray[np.int64]:
    return np.asarray(cells.dictionary_encode().indices.to_numpy(), np.int64)


def _agree(cells: NDArray[np.int64], labels: NDArray[np.int64]) -> bool:
    """Whether all rows of one cell have one label."""
    pairs = np.unique(cells * (int(labels.max()) + 1) + labels)
    return len(pairs) == int(cells.max()) + 1


def _determines(cells: NDArray[np.int64], labels: NDArray[np.int64]) -> str:
    """Whether all rows of one cell have one label, more often than by chance."""
    kinds, width = int(cells.max()) + 1, int(labels.max()) + 1
    if width < 2 or not _agree(cells, labels):
        return ""
    agreeing = np.square(np.bincount(labels) / len(labels)).sum()
    if agreeing ** (len(cells) - kinds) > CHANCE:
        return ""
    if kinds == width:
        return f"is the label under other names ({kinds} of them)"
    return f"{DETERMINES}: rows with one of its {kinds} values always have the same"


def _is_line(cells: pa.Array, labels: pa.Array) -> bool:
    """Whether two columns of numbers lie on a line."""
    x = _numbers(labels)
    y = None if x is None else _numbers(cells)
    if x is None or y is None:
        return False
    there = np.isfinite(x) & np.isfinite(y)
    if there.sum() < 3:
        return False
    x, y = (own[there] - own[there].mean() for own in (x, y))
    size = float((x**2).sum() * (y**2).sum())
    return size > 0 and float((x * y).sum()) ** 2 / size > CORRELATION


def _numbers(column: pa.Array) -> NDArray[np.float64] | None:
    known = known_cells(column)
    style = number_style(known)
    return None if style is None or not len(known.drop_null()) else parsed(known, style)
