"""Computational sequences (``.csd``): features over time of many videos, in HDF5.

The format of the CMU Multimodal SDK: ``<name>/data/<video>/features`` is ``(time, feature)`` and
``…/intervals`` ``(time, 2)``, in seconds. Needs the extra ``armtune[hdf5]`` (h5py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError

END_BYTES = 1 << 20

Double = NDArray[np.float64]


class Track(NamedTuple):
    """One video's features ``(time, feature)``, and when each begins and ends, ``(time, 2)``."""

    features: Double
    intervals: Double

    @property
    def middles(self) -> Double:
        """The middle of each interval, in seconds."""
        return np.asarray(self.intervals.mean(axis=1))


class Sequences:
    """An open file of computational sequences.

    Attributes:
        videos: their ids.
        width: features at a time.
    """

    def __init__(self, path: Path, data: Any) -> None:
        self.path, self._data = path, data
        self.videos = set(data)
        if not self.videos:
            raise DataError(f"{path}: holds no video")
        self.width = self.track(min(self.videos), None).features.shape[1]

    def __getitem__(self, video: str) -> Track:
        """A video's track, by time; NaN and infinities, which mean that nothing was found, are 0.

        Raises:
            DataError: it is damaged or of another shape than the others; names file and video.
        """
        features, intervals = self.track(video, self.width)
        order = np.argsort(intervals.mean(axis=1), kind="stable")
        found = np.nan_to_num(features[order], nan=0, posinf=0, neginf=0)
        return Track(found, intervals[order])

    def track(self, video: str, width: int | None) -> Track:
        """A video's track as the file has it; of any width where none is given.

        Raises:
            DataError: it is damaged or of another shape; names file and video.
        """
        where = f"{self.path}, video {video}"
        try:
            group = self._data[video]
            features, intervals = (np.array(group[k], float) for k in ("features", "intervals"))
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}: damaged ({error})") from error
        if features.ndim != 2 or intervals.shape != (len(features), 2):
            raise DataError(
                f"{where}: features {features.shape} and intervals {intervals.shape}, "
                f"should be (time, feature) and (time, 2)"
            )
        if width is not None and features.shape[1] != width:
            raise DataError(f"{where}: {features.shape[1]} features, other videos have {width}")
        return Track(features, intervals)


@contextmanager
def open_sequences(path: Path) -> Iterator[Sequences]:
    """The sequences of a file, while it is open.

    Raises:
        DataError: it can't be read or isn't of this format, or h5py isn't installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{path}: needs h5py: pip install 'armtune[hdf5]'") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: no HDF5 file, or damaged ({error})") from error
    with file:
        groups = [g for g in file.values() if isinstance(g, h5py.Group) and "data" in g]
        if len(groups) != 1:
            raise DataError(f"{path}: no computational sequence, which is one group with 'data'")
        yield Sequences(path, groups[0]["data"])


def fingerprint(path: Path) -> str:
    """Digest of a file's size, beginning and end: these files have gigabytes.

    Raises:
        DataError: it can't be read.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            digest = hashlib.sha256(f"{size} ".encode() + file.read(END_BYTES))
            file.seek(max(0, size - END_BYTES))
            digest.update(file.read())
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    return digest.hexdigest()
