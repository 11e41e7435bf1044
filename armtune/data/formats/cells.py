"""Arrow columns as text or numbers, the same whatever guesses a reader would make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    Placed = tuple[pa.ChunkedArray, str]
    """A column, and what messages call it."""

MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null",
)  # fmt: skip
"""What stands for a missing number in files of text."""
TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
"""Truth values in files of text, in small letters."""


def as_cells(column: pa.ChunkedArray, place: str) -> pa.Array | None:
    """The same as ``as_text`` of any plain values, fractions too; None where there are others.

    Raises:
        DataError: it holds bytes that aren't UTF-8; names the row.
    """
    import pyarrow as pa
    from pyarrow import compute

    kind, is_a = column.type, pa.types
    if is_a.is_dictionary(kind):
        return as_cells(column.cast(kind.value_type), place)
    if is_a.is_binary(kind) or is_a.is_large_binary(kind):
        return pa.array(as_text(column, place))
    if is_a.is_nested(kind) or isinstance(kind, pa.ExtensionType):
        return None
    texts = compute.fill_null(column.cast(pa.string()), "")
    return pa.concat_arrays(compute.utf8_trim_whitespace(texts).chunks)


def as_text(column: pa.ChunkedArray, place: str) -> NDArray[np.str_]:
    """One text for each value, without spaces around it; empty where a cell is missing.

    Text is what stands there; whole numbers are their digits, truth values ``true`` and ``false``,
    dates and times as ISO 8601 has them.

    Args:
        place: what messages call the column.

    Raises:
        DataError: it holds something else, or bytes that aren't UTF-8; names the row.
    """
    import pyarrow as pa

    kind, is_a = column.type, pa.types
    if is_a.is_dictionary(kind):
        return as_text(column.cast(kind.value_type), place)
    if is_a.is_floating(kind):
        hint = "; target: values predicts numbers"
        raise DataError(f"{place}: must hold whole numbers or text, not {kind}{hint}")
    texts = any(is_text(kind) for is_text in (is_a.is_string, is_a.is_large_string))
    if texts or is_a.is_binary(kind) or is_a.is_large_binary(kind):
        return _decoded(column.cast(pa.large_binary()).to_pylist(), place)
    plain = (is_a.is_boolean, is_a.is_integer, is_a.is_decimal, is_a.is_null)
    if any(is_plain(kind) for is_plain in plain):
        return np.array([cell or "" for cell in column.cast(pa.string()).to_pylist()])
    if any(is_moment(kind) for is_moment in (is_a.is_date, is_a.is_time, is_a.is_timestamp)):
        return np.array([_moment(cell) for cell in column.to_pylist()])
    raise DataError(f"{place}: must hold whole numbers or text, not {kind}")


def typed_numbers(column: pa.ChunkedArray, place: str, instead: str) -> NDArray[np.float64]:
    """A column of numbers or truth values; NaN where a cell is missing.

    Raises:
        DataError: it holds something else; ``instead`` says what to do with it.
    """
    import pyarrow as pa

    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    if not any(kind(column.type) for kind in (*kinds, pa.types.is_decimal, pa.types.is_null)):
        raise DataError(f"{place}: must hold numbers, not {column.type}; {instead}")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def written_numbers(columns: Sequence[Placed], instead: str) -> NDArray[np.float64]:
    """Columns of text that says numbers or truth values, ``(row, column)``.

    NaN stands where a cell is missing.

    Raises:
        DataError: a cell says something else; names its row, and ``instead`` what to do with it.
    """
    import pyarrow as pa

    try:
        return _parsed([column for column, _ in columns])
    except pa.ArrowInvalid:
        return np.stack([_truths(column, place, instead) for column, place in columns], axis=1)


def _parsed(columns: Sequence[pa.ChunkedArray]) -> NDArray[np.float64]:
    """Columns of text as numbers, at once; raises ArrowInvalid where a cell is none."""
    import pyarrow as pa
    from pyarrow import compute

    whole = pa.concat_arrays([chunk for column in columns for chunk in column.chunks])
    cells = compute.utf8_trim_whitespace(whole)
    missing = compute.is_in(cells, value_set=pa.array(MISSING))
    known = compute.if_else(missing, pa.scalar(None, pa.string()), cells)
    numbers = known.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(numbers.reshape(len(columns), -1).T, np.float64)


def _truths(column: pa.ChunkedArray, place: str, instead: str) -> NDArray[np.float64]:
    """One column of text that says numbers, or else truth values."""
    import pyarrow as pa

    try:
        return _parsed([column])[:, 0]
    except pa.ArrowInvalid:
        cells = [cell.strip() for cell in column.to_pylist()]
    if all(cell.lower() in TRUTH or cell in MISSING for cell in cells):
        return np.array([TRUTH.get(cell.lower(), np.nan) for cell in cells])
    wrong = next(cell for cell in dict.fromkeys(cells) if not _is_number(cell))
    row = cells.index(wrong) + 1
    said = f"must hold numbers, not string; {instead} (row {row} says {wrong!r})"
    raise DataError(f"{place}: {said}")


def _is_number(cell: str) -> bool:
    import pyarrow as pa

    try:
        return cell in MISSING or pa.scalar(cell).cast(pa.float64()) is not None
    except pa.ArrowInvalid:
        return False


def _decoded(cells: Sequence[bytes | None], place: str) -> NDArray[np.str_]:
    texts = []
    for row, cell in enumerate(cells, 1):
        try:
            texts.append((cell or b"").decode("utf-8").strip())
        except UnicodeDecodeError as error:
            raise DataError(f"{place}: row {row} is not text in UTF-8: {cell!r}") from error
    return np.array(texts)


def _moment(cell: Any) -> str:
    assert cell is None or isinstance(cell, (date, datetime, time))
    return "" if cell is None else cell.isoformat()
