"""Raw rows to predict, prepared as the training rows were."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from armtune.data.columns.modalities import Cells, File, Place, Text, Vector, present_rows, restored
from armtune.data.columns.numbers import known_cells
from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.listed_files import Listed
from armtune.data.formats.media import DAMAGED, Kind
from armtune.data.formats.table_files import FILE
from armtune.data.inputs import Source
from armtune.data.rows import Mask
from armtune.data.staging import as_view
from armtune.errors import DataError

log = logging.getLogger(__name__)
Decode = Callable[[Path, Kind], NDArray[Any]]


@dataclass(frozen=True)
class PreparedRows:
    """An ``inputs.Source`` of rows that are prepared as they are needed.

    Attributes:
        there: rows that have the modality; NaN takes the others' place.
        each: the shape that all samples have.
    """

    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float32)

    by: Vector | Text
    cells: Cells
    place: Place
    there: Mask
    each: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.there), *self.each)

    def pieces(self, rows: int) -> Iterator[NDArray[Any]]:
        for start in range(0, len(self.there), rows):
            cells = {name: own.slice(start, rows) for name, own in self.cells.items()}
            found = self.by.apply(cells, self.place)
            found[~self.there[start : start + rows]] = np.nan
            yield found


def prepared_sources(
    store: ColumnStore,
    shapes: Mapping[str, tuple[int, ...]],
    prepared: Mapping[str, Any],
    decode: Decode,
    damaged_is_absent: bool,
) -> dict[str, Source]:
    """Each modality of which the file has a column.

    Args:
        prepared: what training rows fitted, as a ``Dataset`` has it.
        decode: reads a file.
        damaged_is_absent: whether a file that can't be read is none, and told, or an error.

    Raises:
        DataError: a modality's column is missing where others are there, or a cell doesn't fit its
            type; names the row.
    """
    found: dict[str, Source] = {}
    for modality, about in prepared.items():
        by = restored(about)
        if isinstance(by, File) and store.path.is_dir() and len(prepared) == 1:
            by = File(FILE, by.type)
        if not any(name in store for name in by.names):
            continue
        cells = {name: _cells(store, name) for name in by.names}
        if isinstance(by, File):
            found[modality] = _files(store, by, cells, shapes[modality], decode, damaged_is_absent)
            continue
        if isinstance(by, Vector):
            by = by.written_as(cells)
            _check(by, cells, store.at)
        there = present_rows(by.kind, cells, list(by.names))
        found[modality] = PreparedRows(by, cells, store.at, there, shapes[modality])
    return found


def _check(by: Vector, cells: Cells, place: Place) -> None:
    """Reads every column whole, so that a cell that doesn't fit is told with its row."""
    for column in by.columns:
        column.apply(cells[column.name], place(column.name))


def _cells(store: ColumnStore, name: str) -> Any:
    found = store.cells(name)
    if found is None:
        raise DataError(f"{store.at(name)}: holds {store.column(name).type}, no plain values")
    return found


def _files(
    store: ColumnStore,
    by: File,
    cells: Cells,
    shape: tuple[int, ...],
    decode: Decode,
    damaged_is_absent: bool,
) -> Listed:
    known = known_cells(cells[by.name]).to_pylist()
    paths = [None if cell is None else store.folder / cell for cell in known]
    rows = {path: row + 1 for row, path in reversed(list(enumerate(paths)))}

    def read(path: Path) -> NDArray[np.float32]:
        try:
            return as_view(decode(path, cast(Kind, by.type)))
        except DAMAGED as error:
            said = f"{store.at(by.name)}, row {rows[path]}: {error}"
            if not damaged_is_absent:
                raise DataError(said) from error
            log.warning("%s; taken for missing", said)
            return np.full(shape, np.nan, np.float32)

    return Listed(paths, read, shape)
