"""The rows of a table as samples: cut, fitted on training rows, and written."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from armtune.data import Columns, Progress
from armtune.data.cache import CacheWriter
from armtune.data.columns.guess import Guess
from armtune.data.columns.leaks import leak
from armtune.data.columns.modalities import (
    CALLED,
    PIECE,
    Cells,
    File,
    Text,
    Vector,
    fit_text,
    fit_vector,
    kind_of,
    missing_cells,
    present_rows,
    read_alike,
)
from armtune.data.columns.stated import typed
from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.media import DAMAGED, Kind
from armtune.data.missing_modalities import settle, skipped
from armtune.data.prefetch import prefetched
from armtune.data.rows import Mask, rows
from armtune.data.splits import Index, Indices, divided, named_splits, numbered, random_split
from armtune.data.staging import Raw
from armtune.data.tokenizer import Tokenizer
from armtune.datasets import _table_words, told
from armtune.errors import DataError
from armtune.targets import Target

if TYPE_CHECKING:
    import pyarrow as pa

    from armtune.datasets.table import Table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelling:
    """What is to be learnt.

    Attributes:
        target: what labels are.
        labels: each row's; anything where it has none.
        groups: each row's group's name, where there are groups.
        known: which rows have a label.
    """

    target: Target
    labels: NDArray[Any]
    groups: NDArray[np.generic] | None
    known: Mask


class TableRows:
    """The rows of a table.

    Args:
        data: the recipe's options.
        modalities: those to read.
        reserved: columns that tell label, split or group.
        tokenizers: of modalities of texts that have one.
    """

    def __init__(
        self,
        data: Table,
        store: ColumnStore,
        modalities: Sequence[str],
        reserved: Sequence[str],
        tokenizers: Mapping[str, Tokenizer],
        progress: Progress,
    ) -> None:
        self.data, self.store, self.progress = data, store, progress
        self.modalities, self.tokenizers = modalities, tokenizers
        matched = {m: store.match(data.columns[m], reserved) for m in modalities}
        wanted = list(dict.fromkeys(name for names in matched.values() for name in names))
        guesses = {}
        for done, name in enumerate(wanted, 1):
            guesses[name] = typed(store, name, data.types)
            progress("looking at columns", done, len(wanted))
        self.guesses: dict[str, list[Guess]] = {
            m: read_alike([guesses[name] for name in names]) for m, names in matched.items()
        }
        self.columns: Columns = {
            m: [guess.name for guess in own if not guess.left_out]
            for m, own in self.guesses.items()
        }
        self.kinds = {m: self._kind(m) for m in modalities}

    def write(self, writer: CacheWriter, learnt: Labelling) -> dict[str, Any]:
        """Writes the splits' samples, and says what they are, in JSON's types.

        Raises:
            DataError: see ``Table.read``.
        """
        present, whole = self._settled()
        used = whole & learnt.known
        with TemporaryDirectory(dir=writer.folder) as scratch:
            kept, files, damaged = self._decoded(Path(scratch), used)
            readable = np.zeros_like(used)
            readable[kept] = True
            indices, shared = self._indices(learnt, readable)
            target = learnt.target.fitted(learnt.labels, indices["train"], self._labelled())
            prepared, filled = self._fitted(present, readable, indices["train"])
            lacked = {m: there for m, there in present.items() if not there[kept].all()}
            for split, index in indices.items():
                self._write(writer, split, index, learnt, prepared, lacked)
                _write_files(writer, split, files, np.searchsorted(kept, index))
        left_out = int((~whole & learnt.known).sum())
        label = self.data.label
        words = told(target, label) if isinstance(label, str) else str(target)
        words += _table_words.sizes(indices) + _table_words.filled(filled, self.data.missing)
        words += (
            _table_words.damaged(damaged)
            + skipped(left_out)
            + _table_words.unlabelled(learnt.known)
            + shared
            + self._doubts()
            + self._alone(learnt.groups)
        )
        return {
            "words": words,
            "target": target.about(),
            "columns": {m: list(names) for m, names in self.columns.items()},
            "prepared": {m: own.about() for m, own in prepared.items()},
            "guesses": [
                {"modality": m, **asdict(guess), "left_out": guess.left_out}
                for m, own in self.guesses.items()
                for guess in own
            ],
        }

    @cached_property
    def cells(self) -> Cells:
        """All columns that are learnt from, as text."""
        names = dict.fromkeys(name for names in self.columns.values() for name in names)
        return {name: self._cells(name) for name in names}

    def _cells(self, name: str) -> pa.Array:
        found = self.store.cells(name)
        assert found is not None, "a column of plain values"
        return found

    def _kind(self, modality: str) -> str:
        guesses = [guess for guess in self.guesses[modality] if not guess.left_out]
        if not guesses and self.guesses[modality]:
            gone = self.guesses[modality][0]
            raise DataError(
                f"{self.store.at(gone.name)}: {modality} has no other column, and {gone.reason}; "
                f"types could say what it holds"
            )
        kind = kind_of(modality, guesses, str(self.store.path))
        if modality in self.tokenizers and kind != Text.kind:
            said = f"holds {CALLED[kind]}, which no tokenizer reads"
            raise DataError(f"data.tokenizers.{modality}: {modality} {said}")
        return kind

    def _settled(self) -> tuple[dict[str, Mask], Mask]:
        """Which rows have each modality, and which are to be used."""
        everyone = np.ones(len(self.store), bool)
        present = {
            m: everyone
            if self._fills_whole(m)
            else present_rows(self.kinds[m], self.cells, self.columns[m])
            for m in self.modalities
        }
        lacked, used = settle(self.data.absent, present, str(self.store.path))
        return {m: lacked.get(m, everyone) for m in self.modalities}, used

    def _fills_whole(self, modality: str) -> bool:
        """Whether a row without any cell of a modality has it nevertheless, or is a fault."""
        if self.data.absent != "error" or self.kinds[modality] == File.kind:
            return False
        return self.kinds[modality] == Vector.kind or self.data.missing != "error"

    def _decoded(
        self, scratch: Path, used: Mask
    ) -> tuple[Index, Mapping[str, NDArray[np.float32]], list[str]]:
        """Numbers of the rows whose files can be read, these files' arrays, and what is damaged."""
        kept: list[int] = np.flatnonzero(used).tolist()
        names = [m for m in self.modalities if self.kinds[m] == File.kind]
        if not names:
            return np.array(kept, np.int64), {}, []
        paths = {m: self._paths(m) for m in names}
        damaged = []
        with Raw(scratch, names) as raw:
            readings = prefetched(lambda row: self._read(paths, row), kept)
            readable = []
            for done, (row, found) in enumerate(zip(kept, readings, strict=True), 1):
                if isinstance(found, str):
                    log.warning("%s; left out", found)
                    damaged.append(found)
                else:
                    raw.add(found, {m: f"row {row + 1}: {paths[m][row]}" for m in names})
                    readable.append(row)
                self.progress("reading files", done, len(kept))
        views = raw.split(np.zeros(len(readable))).views
        return np.array(readable, np.int64), views, damaged

    def _paths(self, modality: str) -> list[Path | None]:
        return file_paths(self.store, self.columns[modality][0])

    def _read(
        self, paths: Mapping[str, Sequence[Path | None]], row: int
    ) -> dict[str, NDArray[Any]] | str:
        """A row's files as arrays, or what is wrong with one where that is no error."""
        found = {}
        for modality, own in paths.items():
            if (path := own[row]) is None:
                continue
            name = self.columns[modality][0]
            kind = next(guess.type for guess in self.guesses[modality] if guess.name == name)
            try:
                found[modality] = self.data.file(path, cast(Kind, kind))
            except DAMAGED as error:
                said = f"{self.store.at(name)}, row {row + 1}: {error}"
                if self.data.damaged == "error":
                    raise DataError(f"{said}; damaged: skip leaves such samples out") from error
                return said
        return found

    def _indices(self, learnt: Labelling, used: Mask) -> tuple[Indices, str]:
        """The splits, and a warning of groups that those of the table divide."""
        data, labels, groups = self.data, learnt.labels, learnt.groups
        given = {}
        if data.split is not None:
            given = named_splits(self.store, data.split, len(labels))
        shares = {"test": data.test, "validation": data.validation}
        rng = np.random.default_rng(data.seed)
        try:
            whole = _labelled_only(given, learnt.known)
            indices = random_split(whole, learnt.target, labels, groups, shares, rng, used)
        except DataError as error:
            cutting = data.groups or data.split
            place = self.store.at(cutting) if cutting else str(self.store.path)
            raise DataError(f"{place}: {error}") from error
        indices = {split: index[used[index]] for split, index in indices.items()}
        for split, index in indices.items():
            if not len(index):
                raise DataError(f"{self.store.path}: no {split} sample is left")
        return indices, divided(indices, given, groups)

    def _fitted(
        self, present: Mapping[str, Mask], used: Mask, train: Index
    ) -> tuple[dict[str, Vector | Text | File], int]:
        """What training rows say of each modality, and how many cells are filled."""
        found: dict[str, Vector | Text | File] = {}
        filled = 0
        for m in self.modalities:
            guesses = [guess for guess in self.guesses[m] if not guess.left_out]
            own = train[present[m][train]]
            if self.kinds[m] == File.kind:
                found[m] = File(guesses[0].name, guesses[0].type)
            elif self.kinds[m] == Text.kind:
                numbers = self.tokenizers.get(m, self.data.words)
                found[m] = fit_text(self.cells, self.columns[m], own, self.data.length, numbers)
            else:
                at, cells = self.store.at, self.cells
                holes = missing_cells(m, guesses, cells, at, used & present[m])
                if holes.any() and self.data.missing == "error":
                    said = _table_words.missing(m, self.columns[m], holes)
                    raise DataError(f"{self.store.path}: {said}")
                found[m] = fit_vector(guesses, cells, own, at, self.data.missing)
                filled += int(holes.sum())
        return found, filled

    def _write(
        self,
        writer: CacheWriter,
        split: str,
        index: Index,
        learnt: Labelling,
        prepared: Mapping[str, Vector | Text | File],
        lacked: Mapping[str, Mask],
    ) -> None:
        """Writes what isn't a file's, piece by piece."""
        for m, own in prepared.items():
            if not isinstance(own, File):
                pieces = self._pieces(own, index, lacked.get(m))
                writer.add(f"{split}_{m}", len(index), pieces)
            if m in lacked:
                writer.add(f"{split}_{m}_present", len(index), [lacked[m][index]])
        writer.add(f"{split}_label", len(index), [learnt.labels[index]])
        if learnt.groups is not None:
            writer.add(f"{split}_group", len(index), [numbered(learnt.groups)[index]])

    def _pieces(
        self, own: Vector | Text, index: Index, there: Mask | None
    ) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(index), PIECE):
            piece = index[start : start + PIECE]
            cells = {name: self.cells[name].take(piece) for name in own.names}
            found = own.apply(cells, self.store.at)
            if there is not None:
                found[~there[piece]] = 0
            yield found

    def _doubts(self) -> str:
        """Warnings of columns that are left out, in several modalities, or tell the label."""
        said = [
            _table_words.left_out(self.guesses),
            _table_words.strangers(self.guesses),
            _table_words.shared(self.columns),
        ]
        return "".join([*said, *self._leaks()])

    def _alone(self, groups: NDArray[np.generic] | None) -> str:
        """A warning of groups that keep nothing together."""
        if groups is None or len(np.unique(groups)) < len(groups):
            return ""
        return f"; every row is a group of {self.data.groups!r} by itself"

    def _labelled(self) -> str:
        """Where the labels are, for messages."""
        label = self.data.label
        return self.store.at(label) if isinstance(label, str) else str(self.store.path)

    def _leaks(self) -> Iterator[str]:
        if not isinstance(self.data.label, str):
            return
        labels = self.store.cells(self.data.label)
        named = {
            n for m in self.modalities if self.kinds[m] == Vector.kind for n in self.columns[m]
        }
        for name in self.columns_in_order(named):
            if labels is not None and (said := leak(self.cells[name], labels)):
                yield f"; LEAK: column {name!r} {said}"

    def columns_in_order(self, names: set[str]) -> list[str]:
        """These columns in the table's order."""
        return [name for name in self.store.names if name in names]


def file_paths(store: ColumnStore, name: str) -> list[Path | None]:
    """A column's paths, which begin where the table lies; None where one is missing."""
    from armtune.data.columns.numbers import known_cells

    cells = store.cells(name)
    assert cells is not None, "a column of text"
    return [
        None if cell is None else store.folder / cell for cell in known_cells(cells).to_pylist()
    ]


def _labelled_only(given: Indices, known: Mask) -> Indices:
    """The stated splits, and training rows without those that have no label: these aren't cut."""
    if "train" in given or known.all():
        return given
    free = known.copy()
    for index in given.values():
        free[index] = False
    return {**given, "train": np.flatnonzero(free)}


def _write_files(
    writer: CacheWriter, split: str, files: Mapping[str, NDArray[np.float32]], index: Index
) -> None:
    from armtune.data.rows import chunks

    for m, view in files.items():
        writer.add(f"{split}_{m}", len(index), chunks(rows(view, index)))
