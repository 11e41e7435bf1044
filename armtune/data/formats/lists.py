"""Lists of samples as data sets have them: lines, or a CSV with a heading."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from armtune.errors import DataError


def lines_of(path: Path) -> list[str]:
    """The lines of a list that aren't empty, without spaces around them.

    Raises:
        DataError: it can't be read or has none; names it.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: damaged ({error})") from error
    if not any(lines):
        raise DataError(f"{path}: has no line")
    return [line for line in lines if line]


def read_table(
    path: Path, needed: Sequence[str], perhaps: Sequence[str] = ()
) -> list[dict[str, str]]:
    """The rows of a CSV with a heading, by column.

    Args:
        path: the file, UTF-8.
        needed: columns that must be there and may not be empty.
        perhaps: columns that must be there and may be empty.

    Raises:
        DataError: it can't be read, or a needed column or value isn't there; names the line.
    """
    rows: list[dict[str, str]] = []
    with opened(path) as file:
        reader = csv.DictReader(file, restkey="", restval="")
        columns = reader.fieldnames or ()
        if absent := [name for name in (*needed, *perhaps) if name not in columns]:
            known = ", ".join(columns) or "none"
            raise DataError(f"{path}: has no column {absent[0]!r}; it has {known}")
        for row in reader:
            if empty := [name for name in needed if not row[name]]:
                raise DataError(f"{path}, line {reader.line_num}: no {empty[0]!r}")
            rows.append(row)
    return rows


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """A CSV, to be read within the block.

    Raises:
        DataError: it can't be read, or is damaged; names it.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: damaged ({error})") from error
