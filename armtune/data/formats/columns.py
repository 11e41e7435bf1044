"""Tables as arrays by column, whatever kind of file they lie in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.cells import as_cells, as_text, typed_numbers, written_numbers
from armtune.data.formats.table_files import read_columns
from armtune.data.formats.text_files import UTF_8
from armtune.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

CATEGORIES = "give categories a column of 0 and 1 each"
FIRST = 100
"""Cells that tell at a glance what a column holds."""
CELLS = 1 << 20
"""Cells of text that are made numbers at a time."""


class ColumnStore:
    """A table's columns by name, each ``(row,)``.

    Args:
        encoding: of a file of text.

    Attributes:
        path: the file, or the folder.
        names: the columns, in the file's order.
        typed: whether the file itself says what a column holds.
        separator: between the cells of a file of text; empty elsewhere.

    Raises:
        DataError: the file is no such table, is damaged, or two columns have the same name.
    """

    def __init__(self, path: Path, encoding: str = UTF_8) -> None:
        self.path = path
        found = read_columns(path, encoding)
        self.names, self._columns = found.names, found.columns
        self.typed, self.separator = found.typed, found.separator
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise DataError(f"{path}: two columns are called {twice[0]!r}")
        self._places = {name: place for place, name in enumerate(self.names)}
        self._bare: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def at(self, key: str) -> str:
        """Where a column is, for messages."""
        return f"{self.path}: column {key!r}"

    def first(self, key: str) -> list[str]:
        """A column's first cells as text; none of one that holds no plain values."""
        found = as_cells(self.column(key).slice(0, FIRST), self.at(key))
        return [] if found is None else list(found.to_pylist())

    def cells(self, key: str) -> pa.Array | None:
        """A column's cells as text, see ``as_cells``; None where it holds no plain values.

        Of a file of text they take the place of what stood there, which nothing else asks for.

        Raises:
            DataError: there is no such column, or it holds bytes that aren't UTF-8.
        """
        import pyarrow as pa

        if key in self._bare:
            return self.column(key).chunk(0)
        found = as_cells(self.column(key), self.at(key))
        if found is not None and not self.typed:
            self._columns[self._places[key]] = pa.chunked_array([found])
            self._bare.add(key)
        return found

    def get(self, key: str) -> NDArray[np.str_]:
        """A column's values as text, as ``text`` has them; all must be there.

        Raises:
            DataError: there is no such column, a cell is missing, or it holds something else.
        """
        cells = self.text(key)
        self.check_whole(key, cells != "")
        return cells

    def check_whole(self, key: str, there: NDArray[np.bool_], hint: str = "") -> None:
        """Refuses a column in which cells are missing.

        Args:
            there: which of its cells aren't, ``(row,)``.
            hint: what would do otherwise.

        Raises:
            DataError: some are; says how many, and the first one's row.
        """
        missing = np.flatnonzero(~there)
        if len(missing):
            said = f"{len(missing)} of {len(there)} cells are missing"
            first = f"the first in row {missing[0] + 1}"
            raise DataError(f"{self.at(key)}: {said}, {first}{hint}")

    def holds_fractions(self, key: str) -> bool:
        """Whether the file says that a column holds numbers with fractions, if not which."""
        import pyarrow as pa

        return pa.types.is_floating(self.column(key).type)

    def holds_numbers(self, key: str) -> bool:
        """Whether all cells of a column that say something are numbers."""
        from armtune.data.columns.numbers import known_cells, parsed

        cells = self.cells(key)
        return cells is not None and parsed(known_cells(cells), "point", exact=True) is not None

    def text(self, key: str) -> NDArray[np.str_]:
        """A column as text: what stands there, or the one text of a typed value.

        Spaces around it are left out; it is empty where a cell is missing.

        Raises:
            DataError: there is no such column, or it holds no text, numbers or the like.
        """
        return as_text(self.column(key), self.at(key))

    def untouched(self, key: str) -> Sequence[str]:
        """A column as text with the spaces that stand there; empty where a cell is missing.

        Raises:
            DataError: there is no such column, or it holds no text, numbers or the like.
        """
        import pyarrow as pa
        from pyarrow import compute

        column = self.column(key)
        if not any(is_a(column.type) for is_a in (pa.types.is_string, pa.types.is_floating)):
            return list(self.text(key))
        try:
            return list(compute.fill_null(column.cast(pa.string()), "").to_pylist())
        except UnicodeDecodeError:
            return list(self.text(key))  # which says where

    def numbers(self, keys: Sequence[str], instead: str = CATEGORIES) -> NDArray[np.float64]:
        """Columns of numbers, ``(row, column)``; NaN where a cell is missing.

        Args:
            instead: what to do with a column that holds something else.

        Raises:
            DataError: there is no such column, or it holds no numbers.
        """
        columns = [(self.column(key), self.at(key)) for key in keys]
        if self.typed:
            own = [typed_numbers(column, place, instead) for column, place in columns]
            return np.stack(own, axis=1)
        step = max(1, CELLS // len(columns[0][0]))
        pieces = [columns[start : start + step] for start in range(0, len(columns), step)]
        return np.concatenate([written_numbers(piece, instead) for piece in pieces], axis=1)

    def filled(self, key: str, marks: bool) -> NDArray[np.bool_]:
        """Which of a column's cells are there, ``(row,)``.

        Args:
            marks: whether ``?``, ``NA`` and the like stand for missing ones.
        """
        from pyarrow import compute

        from armtune.data.columns.numbers import known_cells

        cells = self.cells(key)
        if cells is None:
            return np.ones(len(self), bool)
        there = known_cells(cells).is_valid() if marks else compute.not_equal(cells, "")
        return np.asarray(there.to_numpy(zero_copy_only=False), bool)

    def taking(self, keys: Sequence[str], rows: NDArray[np.int64]) -> ColumnStore:
        """The same table, but with other rows' cells in some columns.

        Args:
            rows: each row's number of the row whose cells it gets, ``(row,)``.
        """
        other = copy(self)
        other._columns, other._bare = list(self._columns), self._bare - set(keys)
        for key in keys:
            other._columns[self._places[key]] = self.column(key).take(rows)
        return other

    def match(self, patterns: Sequence[str], but: Iterable[str]) -> list[str]:
        """Columns that are named or fit a pattern (``*``, ``?``, ``[…]``), each once.

        Args:
            patterns: names and patterns; their order is the result's.
            but: columns that no pattern takes, and nobody may name.

        Raises:
            DataError: one fits nothing, or names a column that isn't to be taken.
        """
        kept_out = set(but)
        found: dict[str, None] = {}
        for pattern in patterns:
            if pattern in kept_out:
                raise DataError(f"{self.at(pattern)}: tells label, split or group: no feature")
            own = [pattern] if pattern in self else self._fitting(pattern, kept_out)
            if not own:
                raise self._no_column(pattern)
            found.update(dict.fromkeys(own))
        return list(found)

    def _fitting(self, pattern: str, but: set[str]) -> list[str]:
        return [name for name in self.names if name not in but and fnmatchcase(name, pattern)]

    @property
    def folder(self) -> Path:
        """Where paths in its cells begin."""
        return self.path if self.path.is_dir() else self.path.parent

    def __len__(self) -> int:
        return len(self._columns[0])

    def column(self, key: str) -> pa.ChunkedArray:
        """A column as the file has it.

        Raises:
            DataError: there is no such column.
        """
        if key not in self:
            raise self._no_column(key)
        return self._columns[self._places[key]]

    def _no_column(self, key: str) -> DataError:
        near = get_close_matches(key, self.names, 1)
        few = ", ".join(self.names[:8]) + (", …" if len(self.names) > 8 else "")
        hint = f"did you mean {near[0]!r}?" if near else f"it has {few}"
        return DataError(f"{self.path}: no column {key!r}; {hint}")
