"""What CMU-MOSEI and CMU-MOSI have in common: spoken opinions in words, voice and face.

Each sample is a segment of a video with a sentiment from −3 to 3. All modalities have one step a
word: audio and vision are averaged over the time that the word takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Dataset, Progress
from armtune.data.cache import CacheWriter, counted, digest_of, splits_of, stored
from armtune.data.downloads import data_folders, find
from armtune.data.formats.csd import Double, Sequences, Track, fingerprint, open_sequences
from armtune.datasets import Data
from armtune.datasets._cmu_folds import read_folds
from armtune.errors import DataError
from armtune.targets import Target, kinds
from armtune.targets.classes import Classes
from armtune.targets.values import Values

BUILDER = 1
"""Raised whenever the same options would give other arrays, so that no old cache is used."""

MODALITIES = ("text", "audio", "vision")
CLASSES = {2: ("negative", "non-negative"), 7: tuple(str(score) for score in range(-3, 4))}


class Segment(NamedTuple):
    """A stretch of a video, in seconds, and its sentiment from −3 to 3."""

    video: str
    start: float
    end: float
    score: float


class Opinions(Data):
    """Options of a data set of opinions; a subclass says what its files are and are called."""

    paths = ("path",)
    extra = "hdf5"

    own_files: ClassVar[Mapping[str, str]]
    """What the publishers call the files, by the options that can name others."""

    path: str
    text: str = ""
    """File (.csd) of the words' vectors in ``path``, whose words are the steps; empty for the
    published name, as for the files below."""
    audio: str = ""
    """File of the voice's features."""
    vision: str = ""
    """File of the face's features."""
    labels: str = ""
    """File of the segments' sentiments."""
    folds: str = ""
    """The SDK's list of each split's videos, a Python file, which is read but not run."""
    target: Literal["classes", "values"] = "classes"
    """Whether the sentiment is one of the ``classes``, or the value from −3 to 3 that it is."""
    classes: Literal[2, 7] = 2
    """2: negative or not; 7: the sentiment rounded, from −3 to 3."""
    words: int = Field(50, ge=1)
    """Words of a segment: shorter ones are padded at the end with zeros, longer ones cut."""

    @property
    def predicts(self) -> type[Target]:
        return kinds()[self.target]

    def modalities(self) -> tuple[str, ...]:
        return MODALITIES

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        base = find(self.path, [folder, *data_folders(None, folder)])
        files = {key: find(self.file_of(key), [base]) for key in self.own_files}
        options = self.model_dump(include={"target", "classes", "words"})
        contents = {key: fingerprint(path) for key, path in files.items()}
        digest = digest_of({"builder": BUILDER, "options": options, "files": contents})
        built = stored(self.name, digest, lambda writer: self._build(files, writer, progress))
        splits = splits_of(built, modalities)
        words = self._describe([len(split) for split in splits], built[1]["left_out"])
        train = splits[0].labels
        target = self._target().fitted(train, np.arange(len(train)), str(base))
        return Dataset(self.name, words, target, *splits, digest)

    def file_of(self, key: str) -> str:
        """What one of the files is called."""
        return str(getattr(self, key) or self.own_files[key])

    def _target(self) -> Target:
        if self.predicts is Values:
            return Values(("sentiment",))
        return Classes(CLASSES[self.classes])

    def _build(
        self, files: Mapping[str, Path], writer: CacheWriter, progress: Progress
    ) -> dict[str, Any]:
        folds = read_folds(files["folds"])
        with ExitStack() as stack:
            opened = {
                key: stack.enter_context(open_sequences(files[key]))
                for key in (*MODALITIES, "labels")
            }
            every = segments(opened["labels"])
            chosen = {
                split: _usable(every, videos, opened, split) for split, videos in folds.items()
            }
            for split, own in chosen.items():
                self._add(writer, split, own, opened, progress)
        kept = sum(map(len, chosen.values()))
        return {"left_out": sum(map(len, every.values())) - kept}

    def _add(
        self,
        writer: CacheWriter,
        split: str,
        own: Sequence[Segment],
        opened: Mapping[str, Sequences],
        progress: Progress,
    ) -> None:
        """Writes one split."""
        labels = self._labels(own)
        if split == "train":
            self._target().fitted(labels, np.arange(len(own)), self.file_of("labels"))
        writer.add(f"{split}_label", len(own), [labels])
        for m in MODALITIES:
            steps = aligned(own, opened["text"], opened[m], self.words)
            tell = partial(progress, f"building {split} {m}")
            writer.add(f"{split}_{m}", len(own), counted(steps, tell, len(own)))

    def _labels(self, own: Sequence[Segment]) -> NDArray[Any]:
        scores = np.array([segment.score for segment in own])
        if self.predicts is Values:
            return scores
        if self.classes == 2:
            return (scores >= 0).astype(np.int64)
        return np.clip(np.rint(scores), -3, 3).astype(np.int64) + 3

    def _describe(self, sizes: Sequence[int], left_out: int) -> str:
        text, audio, vision, folds = map(self.file_of, (*MODALITIES, "folds"))
        return (
            f"{self.name}: {text}, {audio} and {vision}, up to {self.words} words, "
            f"{self._target()}, splits by {folds}; {' + '.join(map(str, sizes))} "
            f"segments, {left_out} left out"
        )


def segments(labels: Sequences) -> dict[str, list[Segment]]:
    """The segments of each video, in time; the first feature is the sentiment."""
    tracks = {video: labels[video] for video in sorted(labels.videos)}
    return {
        video: [
            Segment(video, start, end, score)
            for (start, end), score in zip(
                track.intervals.tolist(), track.features[:, 0].tolist(), strict=True
            )
        ]
        for video, track in tracks.items()
    }


def _usable(
    every: Mapping[str, Sequence[Segment]],
    videos: Sequence[str],
    opened: Mapping[str, Sequences],
    split: str,
) -> list[Segment]:
    """A split's segments that have words, of the videos that all files have.

    Raises:
        DataError: there is none.
    """
    whole = set.intersection(*(sequences.videos for sequences in opened.values()))
    found = [
        segment
        for video in videos
        if video in whole
        for segment in _spoken(every[video], opened["text"][video].middles)
    ]
    if not found:
        raise DataError(f"{opened['labels'].path}: no segment of the {split} fold is in all files")
    return found


def _spoken(own: Sequence[Segment], middles: Double) -> list[Segment]:
    return [s for s in own if len(_within(middles, s))]


def _within(middles: Double, segment: Segment) -> NDArray[np.int64]:
    """Which words' middles are in a segment."""
    return np.flatnonzero((middles >= segment.start) & (middles < segment.end))


def aligned(
    own: Sequence[Segment], text: Sequences, features: Sequences, words: int
) -> Iterator[NDArray[np.float32]]:
    """Each video's segments with one step a word, ``(segment, words, feature)``.

    Args:
        own: segments, those of a video one after the other.
        text: the words' vectors.
        features: what is wanted at each word; ``text`` itself or of another rhythm.
        words: steps of a segment; what has fewer is padded with zeros.
    """
    for video, group in groupby(own, key=lambda segment: segment.video):
        spoken = text[video]
        track = spoken if features is text else over(spoken.intervals, features[video])
        parts = [_within(spoken.middles, segment)[:words] for segment in group]
        steps = np.zeros((len(parts), words, features.width), np.float32)
        for step, part in zip(steps, parts, strict=True):
            step[: len(part)] = track.features[part]
        yield steps


def over(intervals: Double, track: Track) -> Track:
    """A track's mean over other intervals ``(word, 2)``: of the times whose middles are in them.

    An interval with none has zeros.
    """
    first, last = (np.searchsorted(track.middles, edge) for edge in intervals.T)
    sums = np.concatenate([np.zeros((1, track.features.shape[1])), track.features.cumsum(axis=0)])
    counts = np.maximum(last - first, 1)[:, None]
    # A difference of sums leaves rounding errors where nothing was added up.
    means = np.where((last > first)[:, None], (sums[last] - sums[first]) / counts, 0)
    return Track(means, intervals)
