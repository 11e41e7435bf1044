"""Samples in a request that uploads a form: a file, or a table's cell, for each sample and name."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.bundle.raw_rows import Columns, Row, column_of
from armtune.bundle.requests import check_lacking
from armtune.data.formats.numpy_files import UNREADABLE
from armtune.errors import DataError

ARRAY = b"\x93NUMPY"
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Part:
    """A part of a form.

    Attributes:
        file: its file's name, as the sender calls it; empty where it is text.
        content: of the file.
        text: what a field says that is no file.
    """

    name: str
    file: str = ""
    content: bytes = b""
    text: str = ""

    @property
    def is_file(self) -> bool:
        """Whether it is a file; what is neither that nor text is a sample's lacking cell."""
        return bool(self.file or self.content)


def are_arrays(parts: Sequence[Part], shapes: Shapes) -> bool:
    """Whether they are modalities' arrays, and no files that a data set decodes."""
    files = [part for part in parts if part.is_file]
    arrays = all(part.content.startswith(ARRAY) for part in files)
    named = all(part.name in shapes and not part.text for part in parts)
    return bool(files) and arrays and named


def uploaded_arrays(parts: Sequence[Part], shapes: Shapes) -> dict[str, NDArray[Any]]:
    """Samples by modality, from ``.npy`` files of a sample each, or of several.

    Raises:
        DataError: one isn't that; names its part.
    """
    found: dict[str, list[NDArray[Any]]] = {}
    lacking = Counter(part.name for part in parts if not part.is_file)
    for name, count in lacking.items():
        check_lacking(name, count, shapes[name])
    for part in parts:
        found.setdefault(part.name, []).append(_array(part, shapes[part.name]))
    try:
        return {name: np.concatenate(arrays) for name, arrays in found.items()}
    except ValueError as error:
        raise DataError("a modality's arrays differ in shape") from error


def _array(part: Part, shape: tuple[int, ...]) -> NDArray[Any]:
    if not part.is_file:
        return np.full((1, *shape), np.nan, np.float32)
    try:
        array = np.load(io.BytesIO(part.content), allow_pickle=False)
    except UNREADABLE as error:
        raise DataError(f"{part.name}: damaged: {' '.join(str(error).split())}") from error
    return array[None] if array.shape == shape else array


@dataclass(frozen=True)
class Written:
    """Rows whose files have been written.

    Attributes:
        sent: what each file is for its sender, by its name here.
    """

    rows: list[Row]
    sent: Mapping[str, str]


def written(parts: Sequence[Part], columns: Columns, folder: Path) -> Written:
    """Writes files into a folder, and gives the rows that name them.

    No file is called as its sender calls it: only what was uploaded is read.

    Args:
        parts: named after a modality or a column; the first one of each name is of the first
            sample, and so on.

    Raises:
        DataError: a name is unknown, names differ in how many parts they have, or one is text
            where a file is needed, or a file where text is.
    """
    cells: dict[str, list[str | None]] = {}
    sent: dict[str, str] = {}
    for k, part in enumerate(parts):
        column = column_of(part.name, columns)
        own = cells.setdefault(column.name, [])
        if part.is_file and not column.is_file:
            raise DataError(f"{part.name}: is no column of files; send its cell as text")
        if part.is_file:
            kind = re.search(r"\.[A-Za-z0-9]{1,8}$", part.file)
            place = f"{k}{kind[0].lower() if kind else ''}"
            (folder / place).write_bytes(part.content)
            own.append(place)
            sent[place] = f"{part.name}, sample {len(own) - 1}"
        else:
            own.append(column.cell(part.name, part.text))
    if len({len(own) for own in cells.values()}) != 1:
        counts = ", ".join(f"{name} {len(own)}" for name, own in cells.items())
        raise DataError(f"each name needs as many parts as the others: {counts}; empty ones count")
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    return Written(rows, sent)
