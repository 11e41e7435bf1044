"""Columns of numbers, dates and categories as parts of a vector, as training rows fitted them.

What was fitted is plain data, which a bundle keeps: means, categories and how often each comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from armtune.data.columns import dates
from armtune.data.columns.numbers import (
    WRITTEN,
    Style,
    first_stranger,
    known_cells,
    number_style,
    parsed,
)
from armtune.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
RARE = 2
"""Training rows from which a category has a place of its own."""
MOST_CATEGORIES = 256
"""Places of a column's categories; rarer ones share one."""
LARGEST = 1e300
"""No number that was fitted is so large."""
STILL = 1e-9
"""Standard deviation up to which a part of dates never changes."""


class Fitted(Protocol):
    """A column as part of a vector.

    Attributes:
        name: the column's.
        width: how many numbers it becomes.
    """

    type: ClassVar[str]

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int: ...

    def apply(self, cells: pa.Array, place: str) -> Floats:
        """Cells of text as numbers ``(row, width)``; NaN where a missing one isn't filled.

        Raises:
            DataError: a cell doesn't fit the column's type; names its row.
        """


@dataclass(frozen=True)
class Number:
    """A column of numbers, or of dates as parts and cycles.

    Attributes:
        written: how its cells are written, see ``Guess``.
        parts: those of a date that change among training rows; of a number the only one.
        means: of each part over training rows; empty where missing cells aren't filled.
        indicator: whether a number more tells that the cell is missing.
    """

    type: ClassVar[str] = "number"
    most_parts: ClassVar[int] = 1

    name: str
    written: str
    parts: tuple[int, ...]
    means: tuple[float, ...]
    indicator: bool

    @property
    def width(self) -> int:
        return len(self.parts) + self.indicator

    def apply(self, cells: pa.Array, place: str) -> Floats:
        found = self.read(cells, self.written, place)[:, self.parts]
        missing = np.isnan(found[:, :1])
        if self.means:
            found = np.where(missing, self.means, found)
        return np.concatenate([found, missing], axis=1) if self.indicator else found

    def is_whole(self) -> bool:
        """Whether all parts are what they may be, as what is read from a file may not."""
        parts = _all_of(self.parts, int) and all(0 <= p < self.most_parts for p in self.parts)
        means = _finite(self.means) and len(self.means) in (0, len(self.parts))
        flag = type(self.indicator) is bool
        return bool(parts and self.parts and means and flag and self.is_style(self.written))

    @staticmethod
    def is_style(written: Any) -> bool:
        """Whether cells may be written so."""
        return isinstance(written, str) and written in WRITTEN

    def written_as(self, cells: pa.Array) -> Number:
        """The same for cells of another file, which may write numbers otherwise."""
        known = known_cells(cells)
        style = cast(Style, self.written)
        return self if parsed(known, style) is not None else self._as(number_style(known, style))

    def _as(self, written: str | None) -> Number:
        return self if written is None else replace(self, written=written)

    @staticmethod
    def read(cells: pa.Array, written: str, place: str) -> Floats:
        """Cells as numbers ``(row, 1)``, NaN where one is missing.

        Raises:
            DataError: one is no number; names its row.
        """
        known, style = known_cells(cells), cast(Style, written)
        if (found := parsed(known, style)) is not None:
            return found[:, None]
        row = first_stranger(known, style) or 0
        said = f"must hold numbers, not string; types could say what it holds (row {row + 1} says "
        raise DataError(f"{place}: {said}{known[row].as_py()!r})")


@dataclass(frozen=True)
class Date(Number):
    """A column of dates."""

    type: ClassVar[str] = "date"
    most_parts: ClassVar[int] = len(dates.PARTS)

    @staticmethod
    def is_style(written: Any) -> bool:
        """See ``Number.is_style``; users may state a format of their own."""
        return isinstance(written, str) and "%" in written

    def written_as(self, cells: pa.Array) -> Number:
        """The same for cells of another file, where they tell how it writes dates."""
        known = known_cells(cells)
        if dates.moments(known, self.written) is not None:
            return self
        formats = dates.date_formats(known)
        return self._as(formats[0] if len(formats) == 1 else None)

    @staticmethod
    def read(cells: pa.Array, written: str, place: str) -> Floats:
        """Dates as their parts ``(row, part)``, NaN where one is missing.

        Raises:
            DataError: a cell isn't so written; names its row.
        """
        known = known_cells(cells)
        days = dates.moments(known, written)
        if days is None:
            row = dates.first_stranger(known, written) or 0
            said = f"must hold dates written {written} (row {row + 1} says {known[row].as_py()!r})"
            raise DataError(f"{place}: {said}")
        return dates.parts(days)


@dataclass(frozen=True)
class Category:
    """A column of categories: a number each, 1 for the cell's and 0 for the others.

    A category that training rows hardly have is read as one of them all; where none was rare, and
    where a cell is missing but none was, it is the mean over training rows.

    Attributes:
        values: those with a place of their own.
        shares: of training rows, at each place.
        rare: whether the place after the values is for all other ones.
        missing: whether the last place is for missing cells.
    """

    type: ClassVar[str] = "category"

    name: str
    values: tuple[str, ...]
    shares: tuple[float, ...]
    rare: bool
    missing: bool

    @property
    def width(self) -> int:
        return len(self.shares)

    def is_whole(self) -> bool:
        """See ``Number.is_whole``."""
        if not (_all_of(self.values, str) and _all_of((self.rare, self.missing), bool)):
            return False
        places = len(self.values) + self.rare + self.missing
        return _finite(self.shares) and len(self.shares) == places > 0

    def apply(self, cells: pa.Array, place: str) -> Floats:
        rows, width = self.rows(), len(self.values)
        return rows[np.where(_empty(cells), width + 1, self.places(cells))]

    def rows(self) -> Floats:
        """What each value becomes, then what any other one does, then a missing cell."""
        own = np.eye(self.width)
        count = len(self.values)
        other = own[count] if self.rare else np.array(self.shares)
        return np.stack([*own[:count], other, own[-1] if self.missing else np.array(self.shares)])

    def places(self, cells: pa.Array) -> NDArray[np.int64]:
        """The number of each cell's value; one more than the last for others."""
        import pyarrow as pa
        from pyarrow import compute

        found = compute.index_in(cells, value_set=pa.array(self.values, pa.string()))
        return np.asarray(compute.fill_null(found, len(self.values)).to_numpy(), np.int64)


TYPES: Mapping[str, type[Number] | type[Date] | type[Category]] = {
    kind.type: kind for kind in (Number, Date, Category)
}


def fit_number(
    kind: type[Number], name: str, written: str, train: pa.Array, place: str, missing: str
) -> Number:
    """A column of numbers or dates, as its training rows are.

    Args:
        missing: what becomes of missing cells, see ``table``.

    Raises:
        DataError: every training row's cell is missing, or one is of another type.
    """
    found = kind.read(train, written, place)
    gone = np.isnan(found[:, 0])
    if gone.all():
        raise DataError(f"{place}: all training samples' cells are missing; leave it out")
    known = found[~gone]
    moving = np.flatnonzero(known.std(axis=0) > STILL).tolist() if kind is Date else [0]
    parts = tuple(moving or [0])
    means = tuple(known.mean(axis=0)[list(parts)].tolist()) if missing != "error" else ()
    return kind(name, written, parts, means, bool(missing == "indicator" and gone.any()))


def fit_category(name: str, train: pa.Array) -> Category:
    """A column of categories, the most frequent of its training rows first."""
    from pyarrow import compute

    found = compute.value_counts(train)
    counts = dict(
        zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    )
    gone = counts.pop("", 0)
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    values = tuple(value for value in ranked[:MOST_CATEGORIES] if counts[value] >= RARE)
    others = sum(counts[value] for value in ranked[len(values) :])
    sizes = [counts[value] for value in values]
    sizes += [others] * bool(others) + [gone] * bool(gone)
    shares = tuple(size / len(train) for size in sizes)
    return Category(name, values, shares, bool(others), bool(gone))


def as_data(fitted: Fitted) -> dict[str, Any]:
    """What was fitted, as JSON holds it."""
    return {"type": fitted.type, **asdict(fitted)}  # type: ignore[call-overload]


def restored(about: Mapping[str, Any]) -> Number | Date | Category:
    """The column that ``as_data`` wrote.

    Raises:
        KeyError, TypeError, ValueError: it isn't one.
    """
    options: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in about.items() if k != "type"
    }
    column = TYPES[about["type"]](**options)
    if not isinstance(column.name, str) or not column.is_whole():
        raise ValueError(f"{str(about)[:200]} is no column")
    return column


def _all_of(values: Any, *kinds: type) -> bool:
    return isinstance(values, tuple) and all(type(value) in kinds for value in values)


def _finite(values: Any) -> bool:
    return _all_of(values, int, float) and all(abs(value) < LARGEST for value in values)


def _empty(cells: pa.Array) -> NDArray[np.bool_]:
    from pyarrow import compute

    return np.asarray(compute.equal(cells, "").to_numpy(zero_copy_only=False), np.bool_)
