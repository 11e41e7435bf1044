"""Tables of Parquet, CSV and TSV files, as arrays by column. Needs no code of the files' own."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.cells import as_text, typed_numbers, written_numbers
from armtune.data.formats.text_files import UTF_8, read_text
from armtune.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = ".parquet"
SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""Of the files of text."""
SUFFIXES = (PARQUET, *SEPARATORS)
CATEGORIES = "give categories a column of 0 and 1 each"
CELLS = 1 << 20
"""Cells of text that are made numbers at a time."""
LARGEST_BLOCK = 1 << 30
"""Bytes of text that are parsed at a time; a row must fit."""


class ColumnStore:
    """A table's columns by name, each ``(row,)``.

    Args:
        encoding: of a file of text.

    Attributes:
        path: the file.
        names: the columns, in the file's order.

    Raises:
        DataError: the file is no such table, is damaged, or two columns have the same name.
    """

    def __init__(self, path: Path, encoding: str = UTF_8) -> None:
        self.path = path
        self._typed = path.suffix.lower() == PARQUET
        self.names, self._columns = _read(path, encoding)
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise DataError(f"{path}: two columns are called {twice[0]!r}")
        self._places = {name: place for place, name in enumerate(self.names)}

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def at(self, key: str) -> str:
        """Where a column is, for messages."""
        return f"{self.path}: column {key!r}"

    def get(self, key: str) -> NDArray[np.str_]:
        """A column's values as text, as ``text`` has them; all must be there.

        Raises:
            DataError: there is no such column, a cell is missing, or it holds something else.
        """
        cells = self.text(key)
        missing = np.flatnonzero(cells == "")
        if len(missing):
            raise DataError(
                f"{self.at(key)}: {len(missing)} of {len(cells)} cells are missing, "
                f"the first in row {missing[0] + 1}"
            )
        return cells

    def text(self, key: str) -> NDArray[np.str_]:
        """A column as text: what stands there, or the one text of a typed value.

        Spaces around it are left out; it is empty where a cell is missing.

        Raises:
            DataError: there is no such column, or it holds no text, numbers or the like.
        """
        return as_text(self._column(key), self.at(key))

    def numbers(self, keys: Sequence[str], instead: str = CATEGORIES) -> NDArray[np.float64]:
        """Columns of numbers, ``(row, column)``; NaN where a cell is missing.

        Args:
            instead: what to do with a column that holds something else.

        Raises:
            DataError: there is no such column, or it holds no numbers.
        """
        columns = [(self._column(key), self.at(key)) for key in keys]
        if self._typed:
            own = [typed_numbers(column, place, instead) for column, place in columns]
            return np.stack(own, axis=1)
        step = max(1, CELLS // len(columns[0][0]))
        pieces = [columns[start : start + step] for start in range(0, len(columns), step)]
        return np.concatenate([written_numbers(piece, instead) for piece in pieces], axis=1)

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

    def _column(self, key: str) -> pa.ChunkedArray:
        if key not in self:
            raise self._no_column(key)
        return self._columns[self._places[key]]

    def _no_column(self, key: str) -> DataError:
        near = get_close_matches(key, self.names, 1)
        few = ", ".join(self.names[:8]) + (", …" if len(self.names) > 8 else "")
        hint = f"did you mean {near[0]!r}?" if near else f"it has {few}"
        return DataError(f"{self.path}: no column {key!r}; {hint}")


def _read(path: Path, encoding: str) -> tuple[list[str], list[pa.ChunkedArray]]:
    """The columns' names, and the columns; those of a file of text are text."""
    import pyarrow as pa

    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: must be a table, a file that ends in {', '.join(SUFFIXES)}")
    try:
        named = _parquet(path) if suffix == PARQUET else _text(path, SEPARATORS[suffix], encoding)
    except FileNotFoundError as error:
        raise DataError(f"{path}: isn't there") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged ({str(error).splitlines()[0]})") from error
    if not named[1] or not len(named[1][0]):
        raise DataError(f"{path}: has no row")
    return named


def _parquet(path: Path) -> tuple[list[str], list[pa.ChunkedArray]]:
    from pyarrow import parquet

    table = parquet.ParquetFile(path).read()
    return list(table.column_names), table.columns


def _text(path: Path, separator: str, encoding: str) -> tuple[list[str], list[pa.ChunkedArray]]:
    import pyarrow as pa
    from pyarrow import csv as arrow

    text = read_text(path, encoding)
    heading = next(filter(None, csv.reader(StringIO(text, newline=""), delimiter=separator)), [])
    content = text.encode("utf-8")
    # The heading is read as a row, so that every column has a name before its type is guessed.
    types = {f"f{k}": pa.string() for k in range(len(heading))}
    size = min(len(content) + 1, LARGEST_BLOCK)
    table = arrow.read_csv(
        pa.BufferReader(content),
        # Rows are counted in messages where there is one thread.
        arrow.ReadOptions(use_threads=False, block_size=size, autogenerate_column_names=True),
        arrow.ParseOptions(delimiter=separator, newlines_in_values=True),
        arrow.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
    names = [str(column[0]) for column in table.columns]
    return names, table.slice(1).columns
