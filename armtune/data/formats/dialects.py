"""How a file of separated cells is written: its separator and quotes, found out from a part."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import islice

SEPARATORS = (",", ";", "\t", "|")
ROWS = 200
"""Rows that are looked at."""


@dataclass(frozen=True)
class Dialect:
    """Separator, quote, and what stands before a quote within quotes where it isn't doubled."""

    separator: str
    quote: str = '"'
    escape: str | None = None

    def rows(self, text: str) -> list[list[str]]:
        """The first rows of a text, without empty lines; none of one that isn't so written."""
        reader = csv.reader(
            StringIO(text, newline=""),
            delimiter=self.separator,
            quotechar=self.quote,
            escapechar=self.escape,
            doublequote=self.escape is None,
        )
        try:
            return list(filter(None, islice(reader, ROWS)))
        except csv.Error:
            return []


def dialect_of(text: str, usual: str, whole: bool = True) -> Dialect:
    """The dialect of a file's beginning.

    The usual separator is taken where it cuts all rows into as many cells, and several; another
    one only where it does and the usual one doesn't.

    Args:
        text: without a byte order mark.
        usual: the separator that the file's name promises.
        whole: whether it is the whole file, so that its last row is one.
    """
    quote = "'" if _single_quoted(text) else '"'
    escaped = f"\\{quote}"
    escape = "\\" if escaped in text and quote * 2 not in text.replace(escaped, "") else None
    widths = {}
    for separator in dict.fromkeys((usual, *SEPARATORS)):
        rows = Dialect(separator, quote, escape).rows(text)
        widths[separator] = _width(rows if whole or len(rows) < 2 else rows[:-1])
    others = sorted(widths, key=lambda separator: -widths[separator])
    chosen = usual if widths[usual] > 1 or widths[others[0]] < 2 else others[0]
    return Dialect(chosen, quote, escape)


def _width(rows: Sequence[Sequence[str]]) -> int:
    """How many cells all rows have; 0 where they differ."""
    widths = {len(row) for row in rows}
    return widths.pop() if len(widths) == 1 else 0


def _single_quoted(text: str) -> bool:
    """Whether the first line's cells all stand in single quotes."""
    first = text.lstrip().split("\n", 1)[0].strip()
    if not first.startswith("'") or not first.endswith("'") or len(first) < 3:
        return False
    return any(f"'{separator}'" in first for separator in SEPARATORS)
