"""Your own table, from a Parquet, CSV or TSV file: a modality is a set of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Data, Dataset, Progress, Split
from armtune.data.arrays import as_float32, check_classes, first_not_finite, read_column
from armtune.data.cache import digest_of, file_digest
from armtune.data.columns import ColumnStore
from armtune.data.cuts import Index, Indices, cut, named_cuts
from armtune.data.sources import data_folders, find
from armtune.errors import DataError
from armtune.targets.classes import Classes


class Table(Data):
    """A Parquet, CSV or TSV table with a row a sample; each modality is a set of its columns.

    The table is read whole. A column ``split`` cuts the samples where it is named; what it doesn't
    say is cut off the training samples by ``seed``.
    """

    paths = ("path",)

    name: Literal["table"] = "table"
    path: str
    """File that ends in .parquet, .csv or .tsv, relative to the recipe, else to
    ``$ARMTUNE_DATA``."""
    columns: dict[str, Annotated[list[str], Field(min_length=1)]]
    """Columns of each modality, by names or patterns such as ``sensor_*``."""
    label: str = "label"
    """Column of the classes: whole numbers or text."""
    split: str | None = None
    """Column that says train, validation or test for each row."""
    groups: str | None = None
    """Column of each row's group, such as its patient; cuts by ``seed`` never split a group."""
    missing: Literal["error", "mean"] = "error"
    """What becomes of missing cells: an error, or the column's mean over the training samples."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, where the table has no such cut."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share cut off for test before that, where the table has no such cut."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""

    def modalities(self) -> tuple[str, ...] | None:
        return tuple(self.columns)

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        path = find(self.path, [folder, *data_folders(None, folder)])
        store = ColumnStore(path)
        names, labels = np.unique(read_column(store, self.label), return_inverse=True)
        classes = tuple(map(str, names.tolist()))
        indices = self._indices(store, labels.astype(np.int64))
        check_classes(path, labels, classes, indices["train"])
        views: dict[str, NDArray[np.float32]] = {}
        filled = 0
        for done, modality in enumerate(modalities):
            progress("reading columns", done, len(modalities))
            view, count = self._view(store, modality, indices["train"])
            views[modality], filled = view, filled + count
        progress("reading columns", len(modalities), len(modalities))
        train, validation, test = (
            Split({m: view[index] for m, view in views.items()}, labels[index].astype(np.int64))
            for index in indices.values()
        )
        words = self._describe(path, len(classes), indices, filled)
        options = self.model_dump(exclude={"path", "otherwise"})
        digest = digest_of({"options": options, "file": file_digest(path)})
        return Dataset(self.name, words, Classes(classes), train, validation, test, digest)

    def _indices(self, store: ColumnStore, labels: NDArray[np.int64]) -> Indices:
        given = {} if self.split is None else named_cuts(store, self.split, len(labels))
        groups = None if self.groups is None else read_column(store, self.groups)
        shares = {"test": self.test, "validation": self.validation}
        return cut(given, labels, groups, shares, np.random.default_rng(self.seed))

    def _view(
        self, store: ColumnStore, modality: str, train: Index
    ) -> tuple[NDArray[np.float32], int]:
        """A modality ``(row, column)``, and how many of its cells were missing.

        Raises:
            DataError: a cell is missing or infinite, or a column holds no numbers.
        """
        reserved = filter(None, (self.label, self.split, self.groups))
        columns = store.match(self.columns[modality], reserved)
        view = np.stack([store.numbers(column) for column in columns], axis=1)
        absent = np.isnan(view)
        if absent.any():
            if self.missing == "error":
                raise DataError(f"{store.path}: {_missing(modality, columns, absent)}")
            view = _filled(view, absent, train, [store.at(column) for column in columns])
        if (row := first_not_finite(view)) is not None:
            raise DataError(f"{store.path}: {modality}: infinity (as float32) in row {row + 1}")
        return as_float32(view), int(absent.sum())

    def _describe(self, path: Path, classes: int, indices: Indices, filled: int) -> str:
        sizes = " + ".join(str(len(index)) for index in indices.values())
        means = f"; {filled} missing cells filled by training means" if filled else ""
        return f"table {path.name}: {classes} classes, {sizes} samples{means}"


def _missing(modality: str, columns: Sequence[str], absent: NDArray[np.bool_]) -> str:
    row, column = np.argwhere(absent)[0]
    holes = int(absent.any(axis=0).sum())
    return (
        f"{modality}: {int(absent.sum())} of {absent.size} cells are missing, in {holes} of "
        f"{len(columns)} columns; the first is in row {row + 1} of {columns[column]!r}. "
        f"missing: mean would fill them by the training samples' means"
    )


def _filled(
    view: NDArray[np.float64], absent: NDArray[np.bool_], train: Index, places: Sequence[str]
) -> NDArray[np.float64]:
    """The view with each column's mean over the training samples where a cell is missing."""
    counts = (~absent[train]).sum(axis=0)
    if not counts.all():
        place = places[int(np.flatnonzero(counts == 0)[0])]
        raise DataError(f"{place}: all training samples' cells are missing; leave it out")
    means = np.where(absent, 0, view)[train].sum(axis=0) / counts
    return np.where(absent, means, view)
