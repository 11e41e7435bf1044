"""Dates and times as people write them, and what they say of a sample as numbers."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y",
)  # fmt: skip
TIMES = ("", " %H:%M:%S", " %H:%M")
FORMATS = (*map("".join, product(DAYS, TIMES)), "%H:%M:%S", "%H:%M")
"""What is tried, in this order; a time zone, fractions of a second and a T for a space don't count.
"""
LIKE_A_DATE = re.compile(r"(?=.*[0-9]).{4,40}")
"""What has digits and isn't long: nothing else is tried."""
COMPACT = "%Y%m%d"
"""Tried for whole numbers of eight digits."""
DIGITS = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
EARLIEST, LATEST = "1000-01-01", "2999-12-31"
YEAR, DAY = 365.2425, 86400.0
PARTS = ("year", "year_sin", "year_cos", "week_sin", "week_cos", "day_sin", "day_cos")
"""What a date says: when it was, and where in the year, the week and the day."""


def date_formats(known: pa.Array) -> list[str]:
    """All formats that all cells fit; day before month comes first where both orders do.

    Args:
        known: cells of text, null where one is missing.
    """
    there = known.drop_null()
    if not len(there) or not LIKE_A_DATE.fullmatch(there[0].as_py()):
        return []
    first = there[: min(50, len(there))]
    return [f for f in FORMATS if moments(first, f) is not None and moments(there, f) is not None]


def is_compact(known: pa.Array) -> bool:
    """Whether all cells are days such as ``20200131``."""
    from pyarrow import compute

    matched = compute.match_substring_regex(known.drop_null(), DIGITS)
    return bool(len(matched)) and bool(compute.all(matched).as_py())


def moments(known: pa.Array, written: str) -> NDArray[np.float64] | None:
    """Days since 1970, with fractions, NaN where a cell is missing; None where one doesn't fit.

    Args:
        written: the format, as Python's ``strptime`` reads it.
    """
    # Dates come again and again: each is read once.
    different = known.dictionary_encode()
    days = _days(different.dictionary, written)
    return None if np.isnan(days).any() else _spread(days, different)


def first_stranger(known: pa.Array, written: str) -> int | None:
    """The first cell that doesn't fit a format, counted from 0."""
    different = known.dictionary_encode()
    days = _spread(_days(different.dictionary, written), different)
    wrong = np.isnan(days) & known.is_valid().to_numpy(zero_copy_only=False)
    return int(wrong.argmax()) if wrong.any() else None


def _days(texts: pa.Array, written: str) -> NDArray[np.float64]:
    """Days since 1970, ``(text,)``; NaN for what doesn't fit."""
    import pyarrow as pa
    from pyarrow import compute

    plain = compute.replace_substring_regex(texts, r"^([0-9-]{8,10})T([0-9])", r"\1 \2")
    plain = compute.replace_substring_regex(plain, r"(:[0-9]{2})[.,][0-9]+", r"\1")
    plain = compute.replace_substring_regex(
        plain, r"(:[0-9]{2}) ?(Z|[-+][0-9]{2}:?[0-9]{2})$", r"\1"
    )
    found = compute.strptime(plain, format=written, unit="s", error_is_null=True)
    seconds = found.cast(pa.int64()).to_numpy(zero_copy_only=False)
    days = np.asarray(seconds, np.float64) / DAY
    low, high = (np.datetime64(day).astype("M8[D]").astype(float) for day in (EARLIEST, LATEST))
    return np.where((days >= low) & (days <= high), days, np.nan)


def _spread(days: NDArray[np.float64], of: pa.DictionaryArray) -> NDArray[np.float64]:
    """What different texts say, at every cell that says it; NaN where one is missing."""
    from pyarrow import compute

    places = compute.fill_null(of.indices, len(days)).to_numpy()
    return np.append(days, np.nan)[places]


def parts(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """The year with its fraction, and sines and cosines of year, week and day, ``(row, part)``.

    Args:
        days: since 1970, ``(row,)``; NaN where a cell is missing.
    """
    turns = 2 * np.pi * np.stack([days / YEAR, (days + 3) / 7, days % 1], axis=1)
    cycles = np.stack([np.sin(turns), np.cos(turns)], axis=2).reshape(len(days), -1)
    return np.concatenate([1970 + days[:, None] / YEAR, cycles], axis=1)
