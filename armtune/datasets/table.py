"""Your own table: a modality is a set of its columns, which may be of any type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import Self

from armtune.data import Columns, Dataset, Progress, Shapes
from armtune.data.cache import CacheWriter, digest_of, file_digest, splits_of, stored
from armtune.data.columns.inputs import prepared_sources
from armtune.data.columns.stated import StatedType
from armtune.data.downloads import data_folders, find, model_folders
from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.media import MEDIA_SUFFIXES
from armtune.data.formats.text_files import UTF_8, Encoding
from armtune.data.inputs import Source, Whole
from armtune.data.missing_modalities import Absent
from armtune.data.rows import Mask
from armtune.data.splits import way_of_cutting
from armtune.data.tokenizer import read_tokenizer, tokenizer_file
from armtune.datasets import Labelled
from armtune.datasets._clips import fingerprint
from armtune.datasets._decoding import Decoded
from armtune.datasets._table_rows import Labelling, TableRows, file_paths
from armtune.errors import DataError
from armtune.targets import Target, restored
from armtune.targets._names import as_names, doubt, refuse_values
from armtune.targets.labels import Labels
from armtune.targets.values import Values

NAMED = "target: values predicts numbers, target: classes which of several names a sample has"
"""What to do with labels that are no numbers."""
BUILDER = 1
"""Raised whenever the same options would give other arrays, so that no old cache is used."""


class Table(Labelled, Decoded):
    """A table with a row a sample; each modality is a set of its columns.

    It is a Parquet, Feather, CSV, TSV or JSON Lines file, or a folder with a subfolder of files for
    each class. Columns are numbers, categories, dates, texts, or paths of images, sound, films or
    arrays; what one holds is found out, or stated. A column ``split`` cuts the samples where it is
    named; what it doesn't say is cut off the training samples by ``seed``.
    """

    paths = ("path", "tokenizers")

    name: Literal["table"] = "table"
    path: str
    """File that ends in .parquet, .feather, .csv, .tsv, .jsonl or .ndjson, or folder of classes,
    relative to the recipe, else to ``$ARMTUNE_DATA``."""
    columns: dict[str, Annotated[list[str], Field(min_length=1)]]
    """Columns of each modality, by names or patterns such as ``sensor_*``."""
    types: dict[str, StatedType] = Field(default_factory=dict)
    """What columns hold, by names or patterns, where it isn't to be found out: number, category,
    date (or how it is written, such as ``date %d.%m.%Y``), text, image, sound, video or array."""
    encoding: Encoding = UTF_8
    """Of a file of text, such as latin-1."""
    label: str | Annotated[list[str], Field(min_length=1)] = "label"
    """Column of the labels, read as the text that stands there; for ``target: labels`` text such
    as ``a;b``, or several columns of 0 and 1, by names or patterns; for ``values`` one column of
    numbers, or several."""
    unlabelled: Literal["error", "skip"] = "error"
    """What becomes of rows whose label's cell is empty, such as those that are to be predicted: an
    error, or left out. Among numbers, left-out rows are also those with ``?``, ``NA`` and the
    like, which are no value in any case; an empty cell of ``target: labels`` says that a sample has
    none of them, and is a label."""
    split: str | None = None
    """Column that says train, validation or test for each row."""
    groups: str | None = None
    """Column of each row's group, such as its patient; cuts by ``seed`` never split a group."""
    missing: Literal["error", "mean", "indicator"] = "error"
    """What becomes of missing numbers and dates: an error, or the column's mean over the training
    samples, or that and a number more that tells them. A missing category is one by itself."""
    absent: Absent = "error"
    """What becomes of rows in which all of a modality's cells are missing: kept, without that
    modality, or left out; ``error`` for what ``missing`` says."""
    words: int = Field(10000, ge=2)
    """Highest number of a text's word; rarer words share number 1."""
    length: int = Field(64, ge=4, le=4096)
    """Words or tokens of a text that are read, where the training texts have as many."""
    tokenizers: dict[str, str] = Field(default_factory=dict)
    """Of modalities of texts, a tokenizer instead of a vocabulary of their words: its
    ``tokenizer.json`` or the folder that has one, relative to the recipe, else to
    ``$ARMTUNE_DATA``."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, where the table has no such cut."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share cut off for test before that, where the table has no such cut."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""

    @model_validator(mode="after")
    def _tokenizers_have_modalities(self) -> Self:
        if strangers := [m for m in self.tokenizers if m not in self.columns]:
            known = ", ".join(self.columns)
            raise ValueError(f"tokenizers: {strangers[0]!r} is no modality of {known}")
        return self

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
        reserved = [n for n in (*self._label_columns(store), self.split, self.groups) if n]
        tokenizers = self._tokenizers(modalities, folder)

        def build(writer: CacheWriter) -> dict[str, Any]:
            by = {m: read_tokenizer(file) for m, file in tokenizers.items()}
            rows = TableRows(self, store, modalities, reserved, by, progress)
            return rows.write(writer, self._learnt(store))

        digest = self._digest(store, modalities, reserved, tokenizers)
        found = stored(self.name, digest, build)
        about = found[1]
        target = restored(about["target"])
        return Dataset(
            self.name,
            f"table {path.name}: {about['words']}{doubt(target.names)}",
            target,
            *splits_of(found, modalities),
            digest,
            columns={m: about["columns"][m] for m in modalities},
            prepared={m: about["prepared"][m] for m in modalities},
            guesses=about["guesses"],
        )

    def inputs(self, path: Path, shapes: Shapes, columns: Columns) -> Mapping[str, Source]:
        """Of the very columns that the model learnt from; a modality may be without any."""
        store = ColumnStore(path, self.encoding)
        there = {m: names for m, names in columns.items() if any(n in store for n in names)}
        return {m: Whole(store.numbers(names)) for m, names in there.items()}

    def prepared_inputs(
        self, path: Path, shapes: Shapes, prepared: Mapping[str, Any]
    ) -> Mapping[str, Source]:
        """Of raw rows, whose columns may be in any order; labels aren't needed."""
        store = ColumnStore(path, self.encoding)
        return prepared_sources(store, shapes, prepared, self.file, self.damaged == "skip")

    @property
    def text_encoding(self) -> str:
        return self.encoding

    def _tokenizers(self, modalities: Sequence[str], folder: Path) -> dict[str, Path]:
        """Files of the modalities' tokenizers.

        Raises:
            DataError: one isn't there.
        """
        places = model_folders(folder)
        named = {m: file for m, file in self.tokenizers.items() if m in modalities}
        return {m: tokenizer_file(find(file, places)) for m, file in named.items()}

    def _digest(
        self,
        store: ColumnStore,
        modalities: Sequence[str],
        but: Sequence[str],
        tokenizers: Mapping[str, Path],
    ) -> str:
        """Of all that the samples depend on, files that the table names among it."""
        options = self.model_dump(exclude={"path", "otherwise", "tokenizers"})
        if self.unlabelled == "error":
            del options["unlabelled"]  # older than it are caches and runs
        named = {name for m in modalities for name in store.match(self.columns[m], but)}
        files = [
            [None if file is None else fingerprint(file, store.folder) for file in own]
            for name in sorted(named)
            if (own := _files(store, name))
        ]
        content = "" if store.path.is_dir() else file_digest(store.path)
        of = {"options": options, "file": content, "files": files, "of": sorted(modalities)}
        if self.unlabelled == "skip":
            of["cut"] = "of labelled rows"  # of all rows, before
        if tokenizers:
            of["tokenizers"] = {m: file_digest(file) for m, file in tokenizers.items()}
        return digest_of({**of, "builder": BUILDER, **way_of_cutting(self.predicts)})

    def _learnt(self, store: ColumnStore) -> Labelling:
        columns = self._label_columns(store)
        known = self._labelled(store, columns)
        whole = store if known.all() else store.taking(columns, _labelled_rows(known))
        return Labelling(*self._labels(whole, columns), self._groups(store), known)

    def _labelled(self, store: ColumnStore, columns: Sequence[str]) -> Mask:
        """Which rows have a label."""
        known = np.ones(len(store), bool)
        if self.predicts is Labels and isinstance(self.label, str):
            return known
        for name in columns:
            there = store.filled(name, marks=self._marks(store, name))
            if self.unlabelled == "error":
                store.check_whole(name, there, "; unlabelled: skip leaves such rows out")
            known &= there
        if not known.any():
            raise DataError(f"{store.at(columns[0])}: no row has a label")
        return known

    def _marks(self, store: ColumnStore, name: str) -> bool:
        """Whether marks such as ``NA`` among a column's labels say that one is missing."""
        return self.predicts is Values or (self.unlabelled == "skip" and store.holds_numbers(name))

    def _labels(self, store: ColumnStore, columns: Sequence[str]) -> tuple[Target, NDArray[Any]]:
        place = store.at(columns[0])
        if not isinstance(self.label, str):
            return self.predicts.read(store.numbers(columns), place, columns)
        if self.predicts is Labels:
            return self.predicts.read(store.text(self.label), place)
        if self.predicts is Values:
            return self.predicts.read(store.numbers(columns, NAMED)[:, 0], place, columns)
        cells = store.get(self.label)
        refuse_values(cells, place)
        _refuse_names(cells, place)
        return self.predicts.read_column(cells, place)

    def _label_columns(self, store: ColumnStore) -> list[str]:
        return [self.label] if isinstance(self.label, str) else store.match(self.label, ())

    def _groups(self, store: ColumnStore) -> NDArray[np.generic] | None:
        """Name of each row's group, where there are groups."""
        if self.groups is None:
            return None
        return as_names(store.get(self.groups), store.at(self.groups))


def _labelled_rows(known: Mask) -> NDArray[np.int64]:
    """Each row's number, and the first labelled row's where one has no label of its own."""
    return np.where(known, np.arange(len(known)), known.argmax())


def _refuse_names(cells: NDArray[np.str_], place: str) -> None:
    """Refuses classes of one row each.

    Raises:
        DataError: all rows are of another class.
    """
    if len(cells) > 2 and len(np.unique(cells)) == len(cells):
        said = f"all {len(cells)} labels differ, such as {str(cells[0])!r}"
        raise DataError(f"{place}: {said}: they tell rows apart, and are no classes")


def _files(store: ColumnStore, name: str) -> list[Path | None]:
    """A column's paths, where its first cells look like some."""
    first = next((cell for cell in store.first(name) if cell), "")
    return file_paths(store, name) if Path(first).suffix.lower() in MEDIA_SUFFIXES else []
