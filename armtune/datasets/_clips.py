"""What data sets of sound, image and video files have in common: they are listed, decoded, cut.

A subclass lists its samples and says what each modality's files hold; the rest is here.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from armtune.data import Columns, Dataset, Progress, Shapes
from armtune.data.assembly import write_splits
from armtune.data.cache import CacheWriter, digest_of, splits_of, stored
from armtune.data.downloads import data_folders, find
from armtune.data.formats.listed_files import Listed
from armtune.data.formats.lists import read_table
from armtune.data.formats.media import DAMAGED, Kind
from armtune.data.inputs import Source
from armtune.data.missing_modalities import Absent, settle, skipped
from armtune.data.prefetch import prefetched
from armtune.data.rows import taken
from armtune.data.splits import (
    SPLITS,
    Indices,
    divided,
    numbered,
    random_split,
    way_of_cutting,
)
from armtune.data.staging import Raw, as_view
from armtune.datasets import told
from armtune.datasets._decoding import Decoded
from armtune.errors import DataError
from armtune.targets import Target
from armtune.targets._names import as_names, doubt

log = logging.getLogger(__name__)

BUILDER = 3
"""Raised whenever the same options would give other arrays, so that no old cache is used."""
EDGE = 4096
"""Bytes of a file's beginning and end that tell whether it is the same."""


class Clip(NamedTuple):
    """A sample.

    Attributes:
        label: its class's name, or what else its label is, as text.
        files: the file, or folder of files, of each modality that it has.
        split: ``train``, ``validation`` or ``test``; None where the cut is ours.
        group: what must not be divided by a cut; None where there are no groups.
    """

    label: str
    files: Mapping[str, Path]
    split: str | None = None
    group: str | None = None


class Clips(Decoded):
    """Options of a data set of files; a subclass lists its clips."""

    paths = ("path",)
    extra = "media"

    path: str

    def clips(self, base: Path, modalities: Sequence[str]) -> list[Clip]:
        """All samples, in an order that only depends on the files.

        Args:
            base: the file or folder that ``path`` names.
            modalities: those whose files are needed.

        Raises:
            DataError: the layout isn't the official one; names the file or folder.
        """
        raise NotImplementedError

    def kind(self, modality: str, path: Path) -> Kind:
        """What a modality's file holds: where a subclass doesn't say, the sound or the film."""
        return "sound" if modality == "audio" else "video"

    def decoded(self, modality: str, path: Path) -> NDArray[Any]:
        """A modality's file as an array, uint8 (0 to 255) or float32.

        Raises:
            DamagedMediaError: it is missing or damaged; names it.
        """
        return self.file(path, self.kind(modality, path))

    def split_shares(self) -> tuple[dict[str, float], int]:
        """Shares to cut off the training samples where no split is given, and the seed."""
        raise NotImplementedError

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        base = find(self.path, [folder, *data_folders(None, folder)])
        clips = self.clips(base, modalities)
        target, _ = self._labels(base, clips)
        digest = self._digest(base, clips, modalities)

        def build(writer: CacheWriter) -> dict[str, Any]:
            return self._build(base, clips, modalities, writer, progress)

        built = stored(self.name, digest, build)
        splits = splits_of(built, modalities)
        sizes = " + ".join(str(len(split)) for split in splits)
        words = f"{self.about()}: {told(target, self.labelled_by)}, {sizes} samples"
        words += (
            _left_out(built[1])
            + skipped(built[1]["left_out"])
            + built[1]["shared"]
            + doubt(target.names)
        )
        train = splits[0].labels
        target = target.fitted(train, np.arange(len(train)), str(base))
        return Dataset(self.name, words, target, *splits, digest)

    def _labels(self, base: Path, clips: Sequence[Clip]) -> tuple[Target, NDArray[Any]]:
        """The target, and all clips' labels.

        Raises:
            DataError: the labels aren't what the target needs.
        """
        found = np.array([clip.label for clip in clips])
        if (kinds := len(np.unique(found))) < 2:
            raise DataError(f"{base}: {len(clips)} samples found, with {kinds} different labels")
        return self.predicts.read_column(found, str(base))

    def inputs(self, path: Path, shapes: Shapes, columns: Columns) -> Mapping[str, Source]:
        """Of a CSV with a column of paths, relative to it, for each modality; some may be empty."""
        if path.suffix.lower() != ".csv":
            raise DataError(f"{path}: a model of files reads a CSV of their paths")
        rows = read_table(path, (), encoding=self.text_encoding)
        listed = [m for m in shapes if rows and m in rows[0]]
        files = {
            m: [path.parent / row[m] if row[m].strip() else None for row in rows] for m in listed
        }
        return {m: Listed(own, partial(self._view, m), shapes[m]) for m, own in files.items()}

    def _view(self, modality: str, path: Path) -> NDArray[np.float32]:
        """A file as a model reads it: images from 0 to 1."""
        return as_view(self.decoded(modality, path))

    def lacking(self) -> Absent:
        """What becomes of clips that lack a modality."""
        return "error"

    @property
    def labelled_by(self) -> str:
        """The column of the labels, where people named it."""
        return "label"

    def about(self) -> str:
        """The data set's name for people, and what of it is read."""
        return self.name

    def _digest(self, base: Path, clips: Sequence[Clip], modalities: Sequence[str]) -> str:
        options = self.model_dump(exclude={"path", "otherwise"})
        names = sorted(modalities)
        listed = [
            (
                clip.label,
                clip.split,
                clip.group,
                [fingerprint(clip.files[m], base) if m in clip.files else None for m in names],
            )
            for clip in clips
        ]
        parts = {"builder": BUILDER, "options": options, "clips": listed, "of": names}
        return digest_of({**parts, **way_of_cutting(self.predicts)})

    def _build(
        self,
        base: Path,
        clips: Sequence[Clip],
        modalities: Sequence[str],
        writer: CacheWriter,
        progress: Progress,
    ) -> dict[str, Any]:
        used, left_out = self._settled(base, clips, modalities)
        with TemporaryDirectory(dir=writer.folder) as scratch:
            with Raw(Path(scratch), modalities) as raw:
                kept, damaged = self._decode(clips, used, raw, progress)
            target, labels = self._labels(base, clips)
            used_clips = [clips[k] for k in kept]
            groups = _groups(base, used_clips)
            whole = raw.split(labels[kept])
            indices, shared = self._split(used_clips, target, whole.labels, groups)
            if groups is not None:
                whole = replace(whole, groups=numbered(groups))
            target.fitted(whole.labels, indices["train"], str(base))
            write_splits(writer, {split: taken(whole, index) for split, index in indices.items()})
        return {"damaged": damaged, "left_out": left_out, "shared": shared}

    def _settled(
        self, base: Path, clips: Sequence[Clip], modalities: Sequence[str]
    ) -> tuple[list[int], int]:
        """Numbers of the clips to be used, and how many lack a modality and are left out for that.

        Raises:
            DataError: some lack one, and the recipe doesn't say what becomes of them.
        """
        present = {m: np.array([m in clip.files for clip in clips]) for m in modalities}
        _, used = settle(self.lacking(), present, str(base))
        kept = np.flatnonzero(used).tolist()
        return kept, len(clips) - len(kept)

    def _decode(
        self, clips: Sequence[Clip], used: Sequence[int], raw: Raw, progress: Progress
    ) -> tuple[list[int], list[str]]:
        """Writes those that can be read; their numbers, and what is wrong with the others."""
        kept: list[int] = []
        damaged: list[str] = []
        own = partial(self._own, modalities=raw.names)
        reads = zip(used, prefetched(own, [clips[number] for number in used]), strict=True)
        for done, (number, read) in enumerate(reads, 1):
            if isinstance(read, str):
                log.warning("%s; left out", read)
                damaged.append(read.split(": ")[0].rsplit("/", 1)[-1])
            else:
                raw.add(read, clips[number].files)
                kept.append(number)
            progress("reading files", done, len(used))
        return kept, damaged

    def _own(self, clip: Clip, modalities: Sequence[str]) -> dict[str, NDArray[Any]] | str:
        """A clip's arrays, or what is wrong with its files where that is no error."""
        try:
            return {m: self.decoded(m, p) for m, p in clip.files.items() if m in modalities}
        except DAMAGED as error:
            if self.damaged == "error":
                raise DataError(f"{error}; damaged: skip leaves such samples out") from error
            return str(error)

    def _split(
        self,
        clips: Sequence[Clip],
        target: Target,
        labels: NDArray[Any],
        groups: NDArray[np.generic] | None,
    ) -> tuple[Indices, str]:
        """The splits as the clips state them, the rest cut; and a warning of divided groups.

        Raises:
            DataError: a split is without samples; names it.
        """
        stated = np.array([clip.split or "" for clip in clips])
        given = {s: np.flatnonzero(stated == s) for s in SPLITS if (stated == s).any()}
        shares, seed = self.split_shares()
        indices = random_split(given, target, labels, groups, shares, np.random.default_rng(seed))
        return indices, divided(indices, given, groups)


def _groups(base: Path, clips: Sequence[Clip]) -> NDArray[np.generic] | None:
    """Name of each clip's group, where there are groups."""
    names = [clip.group for clip in clips if clip.group is not None]
    return as_names(np.array(names), f"{base}: groups") if names else None


def _beside(path: Path, cell: str) -> Path | None:
    """The file that a cell of a list names; None where it is empty."""
    return path.parent / cell if cell.strip() else None


def fingerprint(path: Path, base: Path) -> tuple[str, int, int]:
    """A file's name, size and a checksum of its ends; reading it all would take minutes a start.

    A folder has the number of its files for a size. What isn't there has size −1.
    """
    name = path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name
    try:
        if path.is_dir():
            return name, len(list(path.iterdir())), 0
        with path.open("rb") as file:
            start = file.read(EDGE)
            size = path.stat().st_size
            file.seek(max(0, size - EDGE))
            return name, size, zlib.crc32(file.read(), zlib.crc32(start))
    except OSError:
        return name, -1, 0


def _left_out(about: Mapping[str, Any]) -> str:
    damaged = about["damaged"]
    named = ", ".join(damaged[:3]) + (", …" if len(damaged) > 3 else "")
    return f"; {len(damaged)} damaged samples left out ({named})" if damaged else ""
