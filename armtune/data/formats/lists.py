"""Lists of samples as data sets have them: lines, or a CSV with a heading."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TextIO

from armtune.data.formats.text_files import UTF_8, read_text
from armtune.errors import DataError


def lines_of(path: Path) -> list[str]:
    """The lines of a list that aren't empty, without spaces around them.

    Raises:
        DataError: it can't be read or has none; names it.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    if not any(lines):
        raise DataError(f"{path}: has no line")
    return [line for line in lines if line]


def read_table(
    path: Path, needed: Sequence[str], perhaps: Sequence[str] = (), encoding: str = UTF_8
) -> list[dict[str, str]]:
    """The rows of a CSV with a heading, by column.

    Args:
        path: the file.
        needed: columns that must be there and may not be empty.
        perhaps: columns that must be there and may be empty.
        encoding: of its text.

    Raises:
        DataError: it can't be read, a needed column or value isn't there, two columns have one
            name, or a row has other cells than the heading; names the line.
    """
    rows: list[dict[str, str]] = []
    with opened(path, encoding) as file:
        # Strict, for an open quote would swallow all rows after it.
        reader = csv.reader(file, strict=True)
        columns = next(reader, [])
        _check_heading(path, columns, [*needed, *perhaps])
        for cells in reader:
            if not cells:
                continue  # an empty line
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(columns):
                said = f"has {len(cells)} cells, the heading {len(columns)}"
                raise DataError(f"{where}: {said}; a cell with a comma needs quotes around it")
            row = dict(zip(columns, cells, strict=True))
            if empty := [name for name in needed if not row[name].strip()]:
                raise DataError(f"{where}: no {empty[0]!r}")
            rows.append(row)
    return rows


def _check_heading(path: Path, columns: Sequence[str], wanted: Sequence[str]) -> None:
    if absent := [name for name in wanted if name not in columns]:
        known = ", ".join(columns) or "none"
        raise DataError(f"{path}: has no column {absent[0]!r}; it has {known}")
    if twice := [name for name, count in Counter(columns).items() if name and count > 1]:
        raise DataError(f"{path}: two columns are called {twice[0]!r}")


@contextmanager
def opened(path: Path, encoding: str = UTF_8) -> Iterator[TextIO]:
    """A CSV, to be read within the block.

    Raises:
        DataError: it can't be read, or is damaged; names it.
    """
    try:
        # As it is: the CSV's own rules say where a line ends.
        yield StringIO(read_text(path, encoding), newline="")
    except csv.Error as error:
        raise DataError(f"{path}: damaged ({error})") from error
