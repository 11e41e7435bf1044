"""Samples in a request that uploads files: a part for each sample and modality."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.numpy_files import UNREADABLE
from armtune.errors import DataError

ARRAY = b"\x93NUMPY"
LISTED = "samples.csv"
Upload = tuple[str, str, bytes]
"""A part's name, its file's name, and what is in it."""
Shapes = Mapping[str, tuple[int, ...]]


def are_arrays(uploads: Sequence[Upload]) -> bool:
    """Whether they are arrays, and no files that a data set decodes."""
    return all(content.startswith(ARRAY) for _, _, content in uploads)


def uploaded_arrays(uploads: Sequence[Upload], shapes: Shapes) -> dict[str, NDArray[Any]]:
    """Samples by modality, from ``.npy`` files of a sample each, or of several.

    Raises:
        DataError: one isn't that; names its part.
    """
    found: dict[str, list[NDArray[Any]]] = {}
    for name, _, content in uploads:
        try:
            array = np.load(io.BytesIO(content), allow_pickle=False)
        except UNREADABLE as error:
            raise DataError(f"{name[:100]}: damaged: {' '.join(str(error).split())}") from error
        found.setdefault(name, []).append(array[None] if array.shape == shapes.get(name) else array)
    try:
        return {name: np.concatenate(arrays) for name, arrays in found.items()}
    except ValueError as error:
        raise DataError("a modality's arrays differ in shape") from error


def list_files(uploads: Sequence[Upload], folder: Path) -> Path:
    """Writes the files into a folder, and lists them as ``armtune predict`` reads them.

    No name or cell is the sender's but those of columns: only files that were uploaded are read.

    Args:
        uploads: parts named after a modality, or a table's column of files; the first part of each
            name is of the first sample, and so on.

    Returns:
        a CSV with a column for each name.

    Raises:
        DataError: the names have not as many files each.
    """
    columns: dict[str, list[str]] = {}
    for k, (name, file, content) in enumerate(uploads):
        kind = re.search(r"\.[A-Za-z0-9]{1,8}$", file)
        place = f"{k}{kind[0].lower() if kind else ''}"
        (folder / place).write_bytes(content)
        columns.setdefault(name, []).append(place)
    if len({len(files) for files in columns.values()}) != 1:
        counts = ", ".join(f"{name[:100]} {len(files)}" for name, files in columns.items())
        raise DataError(f"each part needs as many files as the others: {counts}")
    with (folder / LISTED).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return folder / LISTED
