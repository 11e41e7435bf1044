"""The Arrow and Parquet files of a Hugging Face data set on disk; no code of theirs is run."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.cells import as_text
from armtune.data.formats.images import decode_picture
from armtune.data.missing_modalities import scan
from armtune.data.rows import Mask, as_float32
from armtune.errors import DataError, MissingDataError
from armtune.files import read_json

if TYPE_CHECKING:
    import pyarrow as pa


def split_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each split, from what ``save_to_disk`` left or from Parquet files.

    A folder without splits is ``train``. Parquet files are told apart by names such as
    ``train-00000-of-00001.parquet``, in the folder or below it.

    Raises:
        MissingDataError: the folder holds neither.
        DataError: a list of files is damaged.
    """
    if (folder / "dataset_dict.json").is_file():
        names = _listed(folder / "dataset_dict.json", "splits")
        return {str(name): _shards(folder / str(name)) for name in names}
    if (folder / "state.json").is_file():
        return {"train": _shards(folder)}
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*.parquet")):
        if match := re.fullmatch(r"(.+?)-\d+-of-\d+.*", file.stem):
            found.setdefault(match[1], []).append(file)
    if not found:
        raise MissingDataError(
            f"{folder}: neither a data set saved by save_to_disk nor Parquet files called "
            f"train-00000-of-00001.parquet and so on"
        )
    return found


def read_files(files: list[Path]) -> pa.Table:
    """The rows of all files.

    Raises:
        DataError: one is missing, damaged, or has other columns; names it.
    """
    import pyarrow as pa

    tables = [_read(file) for file in files]
    try:
        table = pa.concat_tables(tables)
    except pa.ArrowException as error:
        raise DataError(f"{files[0].parent}: its files have different columns") from error
    if not len(table):
        raise DataError(f"{files[0].parent}: has no row")
    return table


def class_names(table: pa.Table, column: str) -> list[str] | None:
    """What the data set calls its classes; None when the column holds no ``ClassLabel``."""
    about = (table.schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        feature = json.loads(about).get("info", {}).get("features", {}).get(column, {})
        if isinstance(feature, list):  # a list of them, as older versions write it
            feature = feature[0]
        names = feature.get("names", feature.get("feature", {}).get("names"))
    except (ValueError, AttributeError, LookupError, RecursionError):
        return None  # no such library wrote it
    return [str(name) for name in names] if isinstance(names, list) else None


def holds_pictures(table: pa.Table, column: str) -> bool:
    """Whether a column holds pictures' files."""
    import pyarrow as pa

    kind = table.schema.field(column).type
    kind = getattr(kind, "storage_type", kind)
    return bool(pa.types.is_struct(kind)) and kind.get_field_index("bytes") >= 0


def view_of(
    table: pa.Table, column: str, side: int, place: str
) -> tuple[NDArray[np.float32], Mask]:
    """A column as ``(row, *shape)``: numbers, lists of equal length, or pictures scaled to 0 … 1.

    A row whose cell is missing has zeros.

    Args:
        side: of pictures, which become ``(row, 3, side, side)``.
        place: what messages call the table.

    Returns:
        the column, and which rows have a cell.

    Raises:
        DataError: it is missing or empty, of another kind, of several lengths, or not finite.
    """
    where = f"{place}: column {column!r}"
    cells = _column(table, column, place)
    there = cells.is_valid().to_numpy(zero_copy_only=False)
    rows, values = np.flatnonzero(there), cells.drop_null()
    if not len(rows):
        raise DataError(f"{where}: every cell is missing")
    if holds_pictures(table, column):
        cells = zip(rows, values, strict=True)
        pictures = np.stack([_picture(cell, side, f"{where}, row {row}") for row, cell in cells])
        return _spread(pictures.astype(np.float32) / np.float32(255), there), there
    view = as_float32(_nested(values, where))
    present, bad = scan(view, np.ones(len(view), bool))
    if bad is not None:
        raise DataError(f"{where}: NaN or infinity (as float32) in row {rows[bad]}")
    if not present.any():
        raise DataError(f"{where}: every row is NaN")
    there[rows[~present]] = False
    return _spread(view[present], there), there


def _spread(view: NDArray[np.float32], there: Mask) -> NDArray[np.float32]:
    """Samples at their places, with zeros between them."""
    if there.all():
        return view
    whole = np.zeros((len(there), *view.shape[1:]), np.float32)
    whole[there] = view
    return whole


def column_of(table: pa.Table, column: str, place: str) -> pa.Array:
    """A column in one piece, without missing cells.

    Raises:
        DataError: there is no such column, or a cell is missing; rows count from 0.
    """
    values = _column(table, column, place)
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{place}: column {column!r}: row {row} is missing")
    return values


def as_values(column: pa.Array, place: str) -> list[Any]:
    """Labels as Python has them: numbers and lists as they are, anything else as text.

    Raises:
        DataError: it is neither; names the row where it is text in another encoding.
    """
    import pyarrow as pa

    is_a = pa.types
    kept = (is_a.is_integer, is_a.is_floating, is_a.is_decimal, is_a.is_nested)
    if any(kind(column.type) for kind in kept):
        return list(column.to_pylist())
    return as_text(pa.chunked_array([column]), place).tolist()


def _column(table: pa.Table, column: str, place: str) -> pa.Array:
    import pyarrow as pa

    if column not in table.column_names:
        known = ", ".join(table.column_names)
        raise DataError(f"{place}: no column {column!r}; it has {known}")
    values = pa.concat_arrays(table.column(column).chunks)
    return getattr(values, "storage", values)


def _nested(values: pa.Array, where: str) -> NDArray[np.generic]:
    import pyarrow as pa
    from pyarrow import compute

    shape = [len(values)]
    while pa.types.is_nested(values.type) and not pa.types.is_struct(values.type):
        lengths = compute.min_max(compute.list_value_length(values)).as_py()
        if values.null_count or lengths["min"] != lengths["max"] or not lengths["min"]:
            raise DataError(f"{where}: samples differ in length, {lengths['min']} to "
                            f"{lengths['max']}; they must be alike")  # fmt: skip
        shape.append(lengths["min"])
        values = values.flatten()
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    if not any(kind(values.type) for kind in numeric):
        raise DataError(f"{where}: must hold numbers, lists of them or pictures: {values.type}")
    flat = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(flat.reshape(shape if len(shape) > 1 else (-1, 1)))


def _picture(cell: Any, side: int, where: str) -> NDArray[np.uint8]:
    content = cell["bytes"].as_py()
    if content is None:
        raise DataError(f"{where}: the picture isn't in the file but at {cell['path']}")
    return decode_picture(BytesIO(content), side, where)


def _shards(folder: Path) -> list[Path]:
    path = folder / "state.json"
    try:
        # Only names: a list of files can't lead out of its folder.
        return [folder / Path(file["filename"]).name for file in _listed(path, "_data_files")]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged") from error


def _listed(path: Path, key: str) -> list[Any]:
    try:
        listed = read_json(path)[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: missing or damaged") from error
    if not isinstance(listed, list) or not listed:
        raise DataError(f"{path}: names no {key.strip('_')}")
    return listed


def _read(file: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import ipc, parquet

    try:
        if file.suffix == ".parquet":
            return parquet.ParquetFile(file).read()
        with pa.memory_map(str(file)) as source:
            return ipc.open_stream(source).read_all()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: damaged ({str(error).splitlines()[0]})") from error
