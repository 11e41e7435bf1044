"""Numbers as people write them: with a decimal point or comma, and thousands set apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.cells import MISSING, TRUTH

if TYPE_CHECKING:
    import pyarrow as pa

Style = Literal["point", "comma"]
"""What stands before a number's fraction."""

MARKS = ("?", "-", "--", "–", "None", "none", "NONE", "<NA>", "Na", "NAN", "NaT", "Null", "N.A.")
"""What stands for a missing number, date or file beside what ``cells`` knows."""
PLAIN = r"^[-+]?[0-9]*[.]?[0-9]+([.]|[eE][-+]?[0-9]+)?$|^(?i:[-+]?(inf|infinity))$"
GAPS = r" '’\x{a0}\x{202f}"
"""What sets thousands apart in either style."""
APART: dict[Style, str] = {"point": f"[,{GAPS}]", "comma": f"[.{GAPS}]"}
"""What sets thousands apart."""
WRITTEN: dict[Style, str] = {
    style: f"^[-+]?([0-9]{{1,3}}({apart}[0-9]{{3}})+|[0-9]+)({mark}[0-9]*)?([eE][-+]?[0-9]+)?$"
    for (style, apart), mark in zip(APART.items(), ("[.]", ","), strict=True)
}
"""What fits each style, as RE2 reads it."""
NUMBER = "|".join(f"(?:{pattern})" for pattern in (PLAIN, *WRITTEN.values()))
"""What fits one of them."""


def known_cells(cells: pa.Array) -> pa.Array:
    """Cells of text, null where one says that it is missing."""
    import pyarrow as pa
    from pyarrow import compute

    missing = compute.is_in(cells, value_set=pa.array((*MISSING, *MARKS)))
    return compute.if_else(missing, pa.scalar(None, pa.string()), cells)


def number_style(known: pa.Array, likely: Style = "point") -> Style | None:
    """How all cells that are there write numbers; None where one isn't a number.

    Args:
        known: cells of text, null where one is missing.
        likely: what decides where both fit, as ``1,234`` does.
    """
    if parsed(known, "point", exact=True) is not None:
        return "point"
    fits: list[Style] = [style for style in WRITTEN if _all_match(known, WRITTEN[style])]
    return likely if likely in fits else next(iter(fits), None)


def parsed(known: pa.Array, style: Style, exact: bool = False) -> NDArray[np.float64] | None:
    """Cells as numbers, NaN where one is missing; None where one isn't a number of this style.

    Args:
        exact: whether thousands may not be set apart; truth values are no numbers then.
    """
    import pyarrow as pa

    if style == "point" and (plain := _cast(known)) is not None:
        return plain
    if exact:
        return None
    if (truths := _truths(known)) is not None:
        return truths
    if not _all_match(known, WRITTEN[style]):
        return None
    joined = pa.compute.replace_substring_regex(known, APART[style], "")
    return _cast(pa.compute.replace_substring(joined, ",", ".") if style == "comma" else joined)


def first_stranger(known: pa.Array, style: Style) -> int | None:
    """The first cell that is no number of a style, counted from 0."""
    from pyarrow import compute

    either = f"(?:{PLAIN})|(?:{WRITTEN[style]})" if style == "point" else WRITTEN[style]
    right = compute.fill_null(compute.match_substring_regex(known, either), True)
    wrong = np.flatnonzero(~right.to_numpy(zero_copy_only=False))
    return int(wrong[0]) if len(wrong) else None


def _all_match(known: pa.Array, pattern: str) -> bool:
    from pyarrow import compute

    return compute.all(compute.match_substring_regex(known, pattern)).as_py() is not False


def _cast(known: pa.Array) -> NDArray[np.float64] | None:
    import pyarrow as pa

    try:
        numbers = known.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)


def _truths(known: pa.Array) -> NDArray[np.float64] | None:
    """``true`` and ``false`` as 1 and 0, where all cells say so."""
    import pyarrow as pa
    from pyarrow import compute

    small = compute.utf8_lower(known)
    names = pa.array(list(TRUTH))
    if not compute.all(compute.is_in(small.drop_null(), value_set=names)).as_py():
        return None
    numbers = pa.array(list(TRUTH.values()))
    places = compute.index_in(small, value_set=names)
    return np.asarray(numbers.take(places).to_numpy(zero_copy_only=False), np.float64)
