"""Names of classes, labels and groups, as they stand in files of text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError

AS_TEXT = "store numpy.char.decode(labels, 'utf-8'), which makes text of bytes"
"""What to do with labels that are bytes."""
INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
"""Characters that nobody sees."""
WHOLE = re.compile(r"[-+]?[0-9]{1,4000}")
MISSING = frozenset({"na", "n/a", "#n/a", "nan", "null", "none", "?", "-"})
"""Names, in small letters, that elsewhere stand for a missing value."""


def as_names(column: NDArray[Any], place: str) -> NDArray[Any]:
    """Text without spaces around it; bytes are read as UTF-8, anything else is left as it is.

    Raises:
        DataError: bytes aren't UTF-8, or two names look the same; says which.
    """
    if column.dtype.kind == "S":
        try:
            column = np.char.decode(column, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{place}: holds bytes that aren't UTF-8: {error.object!r}") from error
    if column.dtype.kind != "U":
        return column
    names = np.char.strip(column)
    refuse_lookalikes(np.unique(names).tolist(), place)
    return names


def refuse_lookalikes(names: Iterable[str], place: str) -> None:
    """Refuses names that differ in nothing that can be seen.

    Raises:
        DataError: two do; says which.
    """
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(_looks(name), name)
        if first != name:
            said = f"{first!a} and {name!a} look the same but are two names"
            raise DataError(f"{place}: {said}; write them alike")


def in_order(names: Sequence[str]) -> list[int]:
    """Places of names in their order: by size where all are whole numbers, else as text."""
    if all(WHOLE.fullmatch(name) for name in names):
        return sorted(range(len(names)), key=lambda k: (int(names[k]), names[k]))
    return sorted(range(len(names)), key=lambda k: names[k])


def doubt(names: Sequence[str]) -> str:
    """A warning of names that may be meant otherwise, for a data set's description."""
    missing = [name for name in names if name.lower() in MISSING]
    if missing:
        return f"; {missing[0]!r} is a name here, no missing value"
    if _are_fractions(names):
        return "; all classes are numbers with fractions: target: values predicts numbers"
    return ""


def refuse_values(cells: NDArray[np.str_], place: str) -> None:
    """Refuses names of classes that are plainly numbers: fractions, most of which stand once.

    Raises:
        DataError: they are.
    """
    names = np.unique(cells).tolist()
    if 2 * len(names) > len(cells) and _are_fractions(names):
        said = f"must hold whole numbers or text, not numbers such as {names[0]}"
        raise DataError(f"{place}: {said}; target: values predicts numbers")


def _are_fractions(names: Sequence[str]) -> bool:
    return any("." in name for name in names) and all(map(_is_number, names))


def _looks(name: str) -> str:
    shown = INVISIBLE.sub("", unicodedata.normalize("NFC", name))
    return " ".join(shown.split())


def _is_number(name: str) -> bool:
    try:
        return bool(np.isfinite(float(name)))
    except ValueError:
        return False
