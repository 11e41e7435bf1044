"""Types of columns as a recipe states them, which win over what the cells look like."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, cast, get_args

from pydantic import AfterValidator

from armtune.data.columns.dates import date_formats
from armtune.data.columns.guess import EXAMPLES, Guess, Type, guess
from armtune.data.columns.numbers import known_cells, number_style
from armtune.data.formats.columns import ColumnStore
from armtune.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

STATED = "as types states"
"""The reason of a type that nobody had to guess."""


def known_type(text: str) -> str:
    """A type, checked; that of dates may say how they are written: ``date %d.%m.%Y``.

    Raises:
        ValueError: there is no such type.
    """
    name, _, written = text.partition(" ")
    if name not in get_args(Type) or (written and name != "date"):
        known = ", ".join(get_args(Type))
        raise ValueError(f"{text!r} is no type of a column: {known}, or such as date %d.%m.%Y")
    return text


StatedType = Annotated[str, AfterValidator(known_type)]
"""A column's type as a recipe states it."""


def typed(store: ColumnStore, name: str, types: Mapping[str, str]) -> Guess:
    """What a column holds: as stated, by its name or a pattern, else as its cells look.

    Raises:
        DataError: there is no such column, or it can't be of the stated type.
    """
    own = types.get(name) or next((t for p, t in types.items() if fnmatchcase(name, p)), None)
    return guess(store, name) if own is None else _stated(store, name, own)


def _stated(store: ColumnStore, name: str, text: str) -> Guess:
    column = store.cells(name)
    if column is None:
        raise DataError(f"{store.at(name)}: holds {store.column(name).type}, which no type reads")
    kind, _, written = text.partition(" ")
    known = known_cells(column)
    if kind == "date" and not written:
        formats = date_formats(known)
        if not formats:
            raise DataError(f"{store.at(name)}: no date's format fits all cells, such as "
                            f"{_first(known)!r}; types: date %d.%m.%Y would say it")  # fmt: skip
        written = formats[0]
    if kind == "number":
        written = number_style(known) or "point"
    examples = tuple(known.drop_null().unique()[:EXAMPLES].to_pylist())
    missing = int(known.null_count)
    return Guess(name, cast(Type, kind), STATED, examples, missing, written)


def _first(known: pa.Array) -> str:
    there = known.drop_null()
    return str(there[0].as_py()) if len(there) else ""
