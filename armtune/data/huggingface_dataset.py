"""A Hugging Face data set that lies on disk: its Arrow or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Data, Dataset, Progress, Split
from armtune.data.absent import Absent
from armtune.data.arrow_files import class_names, column_of, read_files, split_files, view_of
from armtune.data.assembly import assembled
from armtune.data.cache import digest_of, file_digest
from armtune.data.cuts import SPLITS
from armtune.data.rows import Mask
from armtune.data.sources import data_folders, find
from armtune.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

BUILDER = 1
"""Raised whenever the same options would give other arrays, so that no old cache is used."""


class HuggingFaceDataset(Data):
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
    """Column of the classes: a ``ClassLabel``, whole numbers or text."""
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

        def make(_: Path) -> tuple[dict[str, Split], list[str], Path]:
            return *self._parts(files, modalities, path, progress), path

        cuts = {"test": self.test, "validation": self.validation}, self.seed
        words = f"Hugging Face data set {path.name}"
        return assembled(self.name, digest, modalities, make, self.absent, cuts, words)

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
        return digest_of({**parts, "modalities": sorted(modalities)})

    def _parts(
        self,
        files: Mapping[str, list[Path]],
        modalities: Sequence[str],
        path: Path,
        progress: Progress,
    ) -> tuple[dict[str, Split], list[str]]:
        tables = {split: read_files(own) for split, own in files.items()}
        labels, classes = _labels(tables, self.label, path)
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
        return parts, classes


def _labels(
    tables: Mapping[str, pa.Table], column: str, path: Path
) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    """The labels of each split and the classes' names.

    Raises:
        DataError: they are neither whole numbers nor text, or no label that has a name.
    """
    raw = {
        split: np.array(column_of(table, column, f"{path}, {split}").to_pylist())
        for split, table in tables.items()
    }
    for split, values in raw.items():
        if values.dtype.kind not in "iuU":
            raise DataError(f"{path}, {split}: {column!r} must hold whole numbers or text")
    names = class_names(tables["train"], column)
    if names is None:
        known = np.unique(np.concatenate(list(raw.values())))
        found = {s: np.searchsorted(known, v.astype(known.dtype)) for s, v in raw.items()}
        return {s: v.astype(np.int64) for s, v in found.items()}, [str(n) for n in known.tolist()]
    for split, values in raw.items():
        if values.dtype.kind == "U" or values.min() < 0 or values.max() >= len(names):
            raise DataError(
                f"{path}, {split}: {column!r} holds what is none of its {len(names)} classes, "
                f"as −1 in splits whose labels are kept secret"
            )
    return {split: values.astype(np.int64) for split, values in raw.items()}, names
