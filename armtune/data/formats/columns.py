"""Tables of Parquet, CSV and TSV files, as arrays by column. Needs no code of the files' own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".csv", ".tsv")
CATEGORIES = "give categories a column of 0 and 1 each"


class ColumnStore:
    """A table's columns by name, each ``(row,)``.

    Attributes:
        path: the file.
        names: the columns, in the file's order.

    Raises:
        DataError: the file is no such table, is damaged, or two columns have the same name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._table = _read(path)
        self.names: list[str] = list(self._table.column_names)
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise DataError(f"{path}: two columns are called {twice[0]!r}")

    def __contains__(self, key: str) -> bool:
        return key in self.names

    def at(self, key: str) -> str:
        """Where a column is, for messages."""
        return f"{self.path}: column {key!r}"

    def get(self, key: str) -> NDArray[np.generic]:
        """A column without missing cells: whole numbers, or text (as truth values are read too).

        Raises:
            DataError: there is no such column, a cell is missing, or it holds something else.
        """
        import pyarrow as pa

        column = self._column(key)
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy())[0]) + 1
            raise DataError(
                f"{self.at(key)}: {column.null_count} of {len(column)} cells are missing, "
                f"the first in row {row}"
            )
        if pa.types.is_integer(column.type):
            return np.asarray(column.to_numpy())
        if pa.types.is_floating(column.type) or pa.types.is_nested(column.type):
            hint = "; target: values predicts numbers" if pa.types.is_floating(column.type) else ""
            said = f"must hold whole numbers or text, not {column.type}{hint}"
            raise DataError(f"{self.at(key)}: {said}")
        return np.array([str(value) for value in column.to_pylist()])

    def text(self, key: str) -> NDArray[np.str_]:
        """A column as text, empty where a cell is missing.

        Raises:
            DataError: there is no such column.
        """
        cells = self._column(key).to_pylist()
        return np.array(["" if cell is None else str(cell) for cell in cells])

    def numbers(self, key: str, instead: str = CATEGORIES) -> NDArray[np.float64]:
        """A column of numbers; NaN where a cell is missing.

        Args:
            instead: what to do with a column that holds something else.

        Raises:
            DataError: there is no such column, or it holds no numbers.
        """
        import pyarrow as pa

        column = self._column(key)
        kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
        if not any(kind(column.type) for kind in (*kinds, pa.types.is_decimal, pa.types.is_null)):
            raise DataError(f"{self.at(key)}: must hold numbers, not {column.type}; {instead}")
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)

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
            own = [pattern] if pattern in self.names else self._fitting(pattern, kept_out)
            if not own:
                raise self._no_column(pattern)
            found.update(dict.fromkeys(own))
        return list(found)

    def _fitting(self, pattern: str, but: set[str]) -> list[str]:
        return [name for name in self.names if name not in but and fnmatchcase(name, pattern)]

    def _column(self, key: str) -> Any:
        if key not in self.names:
            raise self._no_column(key)
        return self._table.column(key)

    def _no_column(self, key: str) -> DataError:
        near = get_close_matches(key, self.names, 1)
        few = ", ".join(self.names[:8]) + (", …" if len(self.names) > 8 else "")
        hint = f"did you mean {near[0]!r}?" if near else f"it has {few}"
        return DataError(f"{self.path}: no column {key!r}; {hint}")


def _read(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: must be a table, a file that ends in {', '.join(SUFFIXES)}")
    try:
        if path.suffix.lower() == ".parquet":
            table = parquet.ParquetFile(path).read()
        else:
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            table = csv.read_csv(
                path,
                parse_options=csv.ParseOptions(delimiter=separator, newlines_in_values=True),
                convert_options=csv.ConvertOptions(strings_can_be_null=True),
            )
    except FileNotFoundError as error:
        raise DataError(f"{path}: isn't there") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged ({str(error).splitlines()[0]})") from error
    if not len(table):
        raise DataError(f"{path}: has no row")
    return table
