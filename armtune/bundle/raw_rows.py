"""Raw rows in a request to a service: the cells of a table, or the names of files."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from armtune.errors import DataError

Row = dict[str, str | None]
"""Cells by column; None where one is missing."""
NAMES = ("rows.jsonl", "rows.csv")
"""Files that rows are put in: for any text, and for files' names."""


class Column(NamedTuple):
    """A column that rows may have.

    Attributes:
        is_file: whether it names files. Senders name none: theirs are uploaded.
    """

    name: str
    is_file: bool

    def cell(self, name: str, text: str) -> str | None:
        """What a sender's text becomes.

        Raises:
            DataError: a file is needed.
        """
        if text and self.is_file:
            raise DataError(f"{name}: needs a file, not text; upload it in a form")
        return text or None


Columns = Mapping[str, Column]
"""By what senders call them."""


def column_of(name: str, columns: Columns) -> Column:
    """The column of this name.

    Raises:
        DataError: there is none; says which there are.
    """
    if name not in columns:
        known = ", ".join(list(columns)[:20]) + (", …" if len(columns) > 20 else "")
        raise DataError(f"{name[:100]}: the model has no such input; it has {known}")
    return columns[name]


def read_rows(given: Any, columns: Columns) -> list[Row]:
    """Rows as JSON has them: for each an object of cells by column.

    Raises:
        DataError: they aren't that, or a column is unknown or one of files.
    """
    if not isinstance(given, list) or not given:
        raise DataError("rows: needs a list of objects, one for each sample")
    return [_row(number, row, columns) for number, row in enumerate(given)]


def _row(number: int, given: Any, columns: Columns) -> Row:
    if not isinstance(given, dict):
        raise DataError(f"rows: sample {number} is no object of cells by column")
    found: Row = {}
    for name, value in given.items():
        column = column_of(name, columns)
        found[column.name] = column.cell(name, _text(name, number, value))
    return found


def _text(name: str, number: int, value: Any) -> str:
    """A cell as a file of text has it."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    raise DataError(f"{name}: sample {number} is neither text, number nor null")


def sent_words(text: str, folder: Path) -> str:
    """An error about rows as whoever sent them knows them: without the file they were put in."""
    for name in NAMES:
        text = text.replace(f"{folder}/{name}", "the rows")
    return text.replace(f"{folder}/", "")


def write_rows(rows: Sequence[Row], folder: Path, as_table: bool) -> Path:
    """Writes rows as ``armtune predict`` reads them.

    Args:
        as_table: in the form that holds any text; else as a list of files.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    whole: list[Row] = [{name: row.get(name) for name in names} for row in rows]
    if as_table:
        path = folder / NAMES[0]
        path.write_text("\n".join(map(json.dumps, whole)), encoding="utf-8")
        return path
    path = folder / NAMES[1]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(whole)
    return path
