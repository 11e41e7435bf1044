"""A Hugging Face data set that lies on disk: its Arrow or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Dataset, Progress, Split
from armtune.data.assembly import assembled, read_splits
from armtune.data.cache import digest_of, file_digest
from armtune.data.downloads import data_folders, find
from armtune.data.formats.arrow_files import (
    as_values,
    class_names,
    column_of,
    read_files,
    split_files,
    view_of,
)
from armtune.data.missing_modalities import Absent
from armtune.data.rows import Mask
from armtune.data.splits import SPLITS, way_of_cutting
from armtune.datasets import Labelled
from armtune.errors import DataError
from armtune.targets import Target
from armtune.targets.labels import SEPARATOR

if TYPE_CHECKING:
    import pyarrow as pa

BUILDER = 2
"""Raised whenever the same options would give other arrays, so that no old cache is used."""


class HuggingFaceDataset(Labelled):
    """A Hugging Face data set on disk: a folder of ``save_to_disk``, or Parquet files by split.

    Only the files' numbers, lists, pictures and labels are read; nothing is downloaded and no
    code of the data set is run. Splits it lacks are cut off its training samples by ``seed``.
    """

    paths = ("path",)

    name: Literal["huggingface_dataset"] = "huggingface_dataset"
    path: str
    """Folder, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Column of each modality; empty when the columns are the modalities' names."""
    label: str = "label"
    """Column of the labels: a ``ClassLabel``, whole numbers or text; for ``target: labels`` lists
    of names, or of 0 and 1; for ``values`` numbers or lists of them."""
    splits: dict[Literal["train", "validation", "test"], str] = Field(default_factory=dict)
    """The data set's own name of a split, where it is another."""
    image_size: int = Field(32, ge=4, le=512)
    """Side of pictures, which are scaled and cut square."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, where there is no such split."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share cut off for test before that, where there is no such split."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""
    absent: Absent = "error"
    """What becomes of samples that lack a modality, a missing cell: an error, kept, or left out."""

    def modalities(self) -> tuple[str, ...] | None:
        return tuple(self.columns) or None

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        path = find(self.path, [folder, *data_folders(None, folder)])
        files = self._files(path)
        digest = self._digest(files, modalities)

        def make(_: Path) -> tuple[dict[str, Split], Target]:
            return self._parts(files, modalities, path, progress)

        cuts = {"test": self.test, "validation": self.validation}, self.seed
        words = f"Hugging Face data set {path.name}"
        return assembled(self.name, digest, modalities, make, self.absent, cuts, words, str(path))

    def _files(self, path: Path) -> dict[str, list[Path]]:
        """The files of train, and of the other splits that there are.

        Raises:
            DataError: a split that is named, or train, isn't there.
        """
        found = split_files(path)
        names = {split: split for split in SPLITS}
        for split, own in self.splits.items():
            names[split] = own
        for split in ("train", *self.splits):
            if names[split] not in found:
                raise DataError(f"{path}: no split {names[split]!r}; it has {', '.join(found)}")
        return {split: found[name] for split, name in names.items() if name in found}

    def _digest(self, files: Mapping[str, Sequence[Path]], modalities: Sequence[str]) -> str:
        options = self.model_dump(exclude={"path", "otherwise"})
        contents = {split: [file_digest(file) for file in own] for split, own in files.items()}
        parts = {"builder": BUILDER, "options": options, "files": contents}
        cuts = way_of_cutting(self.predicts)
        return digest_of({**parts, "modalities": sorted(modalities), **cuts})

    def _parts(
        self,
        files: Mapping[str, list[Path]],
        modalities: Sequence[str],
        path: Path,
        progress: Progress,
    ) -> tuple[dict[str, Split], Target]:
        tables = {split: read_files(own) for split, own in files.items()}
        labels, names = labels_of(tables, self.label, path)
        parts: dict[str, Split] = {}
        for done, (split, table) in enumerate(tables.items()):
            progress("reading the data set", done, len(tables))
            place = f"{path}, {split}"
            views: dict[str, NDArray[np.float32]] = {}
            present: dict[str, Mask] = {}
            for m in modalities:
                column = self.columns.get(m, m)
                views[m], there = view_of(table, column, self.image_size, place)
                present |= {} if there.all() else {m: there}
            parts[split] = Split(views, labels[split], present)
        progress("reading the data set", len(tables), len(tables))
        place = f"{path}: {self.label!r}"
        return read_splits(parts, lambda raw: self.predicts.read_column(raw, place, names or ()))


def labels_of(
    tables: Mapping[str, pa.Table], column: str, path: Path
) -> tuple[dict[str, NDArray[np.generic]], list[str] | None]:
    """The labels of each split as they are, and what a ``ClassLabel`` calls its numbers.

    Lists of names, and of a ``ClassLabel``'s numbers, become text as ``target: labels`` reads it.

    Raises:
        DataError: there is no such column, lists differ in length, or a number has no name.
    """
    names = class_names(tables["train"], column)
    found = {}
    for split, table in tables.items():
        place = f"{path}, {split}: {column!r}"
        cells = as_values(column_of(table, column, f"{path}, {split}"), place)
        listed = isinstance(cells[0], list)
        if names is not None:
            _check_numbers(cells, len(names), place)
        if listed and (names is not None or any(isinstance(c, str) for row in cells for c in row)):
            words = names or {c: c for row in cells for c in row}
            cells = [SEPARATOR.join(words[c] for c in row) for row in cells]
        elif listed and len({len(row) for row in cells}) > 1:
            raise DataError(f"{place} holds lists of several lengths: they must be names")
        found[split] = np.array(cells)
    # The names are in the text by now.
    return found, None if any(v.dtype.kind == "U" for v in found.values()) else names


def _check_numbers(cells: Sequence[Any], count: int, place: str) -> None:
    numbers = {n for cell in cells for n in (cell if isinstance(cell, list) else [cell])}
    if any(not isinstance(n, int) or not 0 <= n < count for n in numbers):
        raise DataError(
            f"{place} holds what is none of its {count} classes, "
            f"as −1 in splits whose labels are kept secret"
        )
