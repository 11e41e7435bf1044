"""Your own table, from a Parquet, CSV or TSV file: a modality is a set of its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Columns, Dataset, Progress, Shapes, Split
from armtune.data.cache import digest_of, file_digest
from armtune.data.downloads import data_folders, find
from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.text_files import UTF_8, Encoding
from armtune.data.inputs import Source, Whole
from armtune.data.missing_modalities import Absent, scan, settle, skipped
from armtune.data.rows import Mask, as_float32, taken
from armtune.data.splits import Index, Indices, divided, named_splits, numbered, random_split
from armtune.datasets import Labelled
from armtune.errors import DataError
from armtune.targets import Target
from armtune.targets._names import as_names, doubt, refuse_values
from armtune.targets.labels import Labels
from armtune.targets.values import Values

NAMED = "target: values predicts numbers, target: classes which of several names a sample has"
"""What to do with labels that are no numbers."""

MOST = 8
"""Columns in several modalities that are named."""

Cells = NDArray[np.float64]
"""A modality's columns ``(row, column)``; NaN where a cell is missing."""


class Table(Labelled):
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
    encoding: Encoding = UTF_8
    """Of a CSV or TSV file's text, such as latin-1."""
    label: str | Annotated[list[str], Field(min_length=1)] = "label"
    """Column of the labels, read as the text that stands there; for ``target: labels`` text such
    as ``a;b``, or several columns of 0 and 1, by names or patterns; for ``values`` one column of
    numbers, or several."""
    split: str | None = None
    """Column that says train, validation or test for each row."""
    groups: str | None = None
    """Column of each row's group, such as its patient; cuts by ``seed`` never split a group."""
    missing: Literal["error", "mean"] = "error"
    """What becomes of missing cells: an error, or the column's mean over the training samples."""
    absent: Absent = "error"
    """What becomes of rows in which all of a modality's cells are missing: kept, without that
    modality, or left out; ``error`` for what ``missing`` says."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, where the table has no such cut."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share cut off for test before that, where the table has no such cut."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""

    @property
    def fills(self) -> Literal["", "cells", "samples"]:
        if self.missing == "error":
            return ""
        return "samples" if self.absent == "error" else "cells"

    def modalities(self) -> tuple[str, ...] | None:
        return tuple(self.columns)

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        path = find(self.path, [folder, *data_folders(None, folder)])
        store = ColumnStore(path, self.encoding)
        target, labels = self._labels(store)
        groups = self._groups(store)
        reserved = [n for n in (*self._label_columns(store), self.split, self.groups) if n]
        columns = {m: store.match(self.columns[m], reserved) for m in modalities}
        cells = _each(store, columns, progress)
        present = {m: self._present(own) for m, own in cells.items()}
        lacked, used = settle(self.absent, present, str(path))
        indices, shared = self._indices(store, target, labels, groups, used)
        indices = {split: index[used[index]] for split, index in indices.items()}
        target = target.fitted(labels, indices["train"], str(path))
        views, filled = {}, 0
        for m, own in cells.items():
            holes = np.isnan(own) & (used & present[m])[:, None]
            if holes.any():
                own = self._filled(store, m, columns[m], own, holes, indices["train"])
            if (row := scan(own, used & present[m])[1]) is not None:
                raise DataError(f"{path}: {m}: infinity (as float32) in row {row + 1}")
            views[m], filled = as_float32(own), filled + int(holes.sum())
        whole = Split(views, labels, lacked, None if groups is None else numbered(groups))
        train, validation, test = (taken(whole, index) for index in indices.values())
        words = self._describe(path, target, indices, filled) + skipped(int((~used).sum()))
        words += shared + _shared(columns) + doubt(target.names)
        options = self.model_dump(exclude={"path", "otherwise"})
        digest = digest_of({"options": options, "file": file_digest(path)})
        splits = (train, validation, test)
        return Dataset(self.name, words, target, *splits, digest, columns=columns)

    def inputs(self, path: Path, shapes: Shapes, columns: Columns) -> Mapping[str, Source]:
        """Of the very columns that the model learnt from; a modality may be without any."""
        store = ColumnStore(path, self.encoding)
        there = {m: names for m, names in columns.items() if any(n in store for n in names)}
        return {m: Whole(store.numbers(names)) for m, names in there.items()}

    def _labels(self, store: ColumnStore) -> tuple[Target, NDArray[Any]]:
        columns = self._label_columns(store)
        place = store.at(columns[0])
        if not isinstance(self.label, str):
            return self.predicts.read(store.numbers(columns), place, columns)
        if self.predicts is Labels:
            return self.predicts.read(store.text(self.label), place)
        if self.predicts is Values:
            return self.predicts.read(store.numbers(columns, NAMED)[:, 0], place, columns)
        cells = store.get(self.label)
        refuse_values(cells, place)
        return self.predicts.read_column(cells, place)

    def _label_columns(self, store: ColumnStore) -> list[str]:
        return [self.label] if isinstance(self.label, str) else store.match(self.label, ())

    def _groups(self, store: ColumnStore) -> NDArray[np.generic] | None:
        """Name of each row's group, where there are groups."""
        if self.groups is None:
            return None
        return as_names(store.get(self.groups), store.at(self.groups))

    def _indices(
        self,
        store: ColumnStore,
        target: Target,
        labels: NDArray[Any],
        groups: NDArray[np.generic] | None,
        used: Mask,
    ) -> tuple[Indices, str]:
        """The splits, and a warning of groups that those of the table divide."""
        given = {} if self.split is None else named_splits(store, self.split, len(labels))
        shares = {"test": self.test, "validation": self.validation}
        rng = np.random.default_rng(self.seed)
        indices = random_split(given, target, labels, groups, shares, rng, used)
        return indices, divided(indices, given, groups)

    def _present(self, cells: Cells) -> Mask:
        """Which rows have a modality ``(row, column)``."""
        if self.absent == "error":
            return np.ones(len(cells), bool)
        return np.asarray(~np.isnan(cells).all(axis=1))

    def _filled(
        self,
        store: ColumnStore,
        modality: str,
        columns: Sequence[str],
        cells: Cells,
        holes: NDArray[np.bool_],
        train: Index,
    ) -> Cells:
        """The cells with each column's mean over the training samples in its holes.

        Raises:
            DataError: the recipe doesn't say so, or a column has no training sample's cell.
        """
        if self.missing == "error":
            raise DataError(f"{store.path}: {_missing(modality, columns, holes)}")
        known = ~np.isnan(cells[train])
        counts = known.sum(axis=0)
        if not counts.all():
            place = store.at(columns[int(counts.argmin())])
            raise DataError(f"{place}: all training samples' cells are missing; leave it out")
        means = np.where(known, cells[train], 0).sum(axis=0) / counts
        return np.where(holes, means, cells)

    def _describe(self, path: Path, target: Target, indices: Indices, filled: int) -> str:
        sizes = " + ".join(str(len(index)) for index in indices.values())
        means = f"; {filled} missing cells filled by training means" if filled else ""
        return f"table {path.name}: {target}, {sizes} samples{means}"


def _shared(columns: Columns) -> str:
    """A warning of columns in several modalities: what these contribute can't be told apart."""
    counts = Counter(name for names in columns.values() for name in names)
    shared = [name for name, count in counts.items() if count > 1]
    more = f" and {len(shared) - MOST} more" if len(shared) > MOST else ""
    return f"; in several modalities: {', '.join(shared[:MOST])}{more}" if shared else ""


def _each(store: ColumnStore, columns: Columns, progress: Progress) -> dict[str, Cells]:
    """Each modality's cells."""
    cells: dict[str, Cells] = {}
    for done, (modality, names) in enumerate(columns.items()):
        progress("reading columns", done, len(columns))
        cells[modality] = store.numbers(names)
    progress("reading columns", len(columns), len(columns))
    return cells


def _missing(modality: str, columns: Sequence[str], holes: NDArray[np.bool_]) -> str:
    row, column = np.argwhere(holes)[0]
    count = int(holes.any(axis=0).sum())
    whole = int(holes.all(axis=1).sum()) if len(columns) > 1 else 0
    hint = f"; {whole} rows have none, which absent: keep or skip would allow" if whole else ""
    return (
        f"{modality}: {int(holes.sum())} of {holes.size} cells are missing, in {count} of "
        f"{len(columns)} columns; the first is in row {row + 1} of {columns[column]!r}. "
        f"missing: mean would fill them by the training samples' means{hint}"
    )
