"""Samples to predict, read piece by piece: from folders of ``.npy`` files and ``.npz`` archives."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray

from armtune.bundle.engine import Present, Views
from armtune.data.formats.numpy_files import UNREADABLE
from armtune.data.inputs import Source, Whole
from armtune.errors import DataError

PIECE_BYTES = 1 << 24
"""Most that a piece of one modality may take; a piece has at least one sample."""
PIECE_SAMPLES = 1024


@dataclass(frozen=True)
class Member:
    """An array of an ``.npz``, stored or compressed; read as it is needed.

    One that is stored column by column is read whole: its samples don't lie one after another.
    """

    archive: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool

    def pieces(self, rows: int) -> Iterator[NDArray[Any]]:
        try:
            with zipfile.ZipFile(self.archive) as archive, archive.open(self.name) as file:
                _header(file)
                step = max(1, self.shape[0]) if self.by_columns else rows
                for start in range(0, self.shape[0], step):
                    piece = self._piece(file, start, min(step, self.shape[0] - start))
                    yield from Whole(piece).pieces(rows)
        except UNREADABLE as error:
            raise DataError(f"{self.archive}: {self.name}: damaged: {error}") from error

    def _piece(self, file: IO[bytes], start: int, count: int) -> NDArray[Any]:
        size = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        content = file.read(count * size)
        if len(content) < count * size:
            raise EOFError(f"it ends within sample {start + len(content) // size}")
        order: Literal["F", "C"] = "F" if self.by_columns else "C"
        return np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:], order=order)


def given_samples(samples: Mapping[str, ArrayLike]) -> dict[str, Source]:
    """Samples by modality from what Python holds: arrays, lists, frames; what is masked is NaN.

    Raises:
        DataError: they aren't by modality, or of unequal lengths within one; names it.
    """
    if not isinstance(samples, Mapping):
        said = f"not a value of type {type(samples).__name__}"
        raise DataError(f"samples: give an array for each modality, {{modality: array}}, {said}")
    return {m: Whole(_array(m, given)) for m, given in samples.items()}


def _array(modality: str, given: ArrayLike) -> NDArray[Any]:
    if isinstance(given, np.ma.MaskedArray) and given.dtype.kind in "fiub":
        return np.ma.filled(given.astype(np.float64), np.nan)
    try:
        return np.asarray(given)
    except (ValueError, TypeError, RuntimeError) as error:  # unequal lists; a tensor on a GPU
        raise DataError(f"{modality}: can't be made an array: {error}") from None


def read_samples(path: Path) -> dict[str, Source]:
    """Samples by modality from an ``.npz`` or a folder of ``.npy`` files.

    Only the headers are read here. Nothing is unpickled.

    Raises:
        DataError: the file can't be read; names it.
    """
    try:
        if path.is_dir():
            files = sorted(path.glob("*.npy"))
            return {f.stem: Whole(np.load(f, mmap_mode="r", allow_pickle=False)) for f in files}
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return {
                name.removesuffix(".npy"): _member(path, archive, name)
                for name in archive.namelist()
            }
    except FileNotFoundError:
        raise DataError(f"{path}: no such file or folder") from None
    except UNREADABLE as error:
        raise DataError(f"{path}: not an .npz or a folder of .npy files: {error}") from error


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> Member:
    with archive.open(name) as file:
        shape, by_columns, dtype = _header(file)
    if any(size < 0 for size in shape):
        raise ValueError(f"{name} has the shape {shape}")
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which could run code when read")
    return Member(path, name, shape, dtype, by_columns and len(shape) > 1)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether by columns, and type; leaves the file where the numbers begin."""
    if npy.read_magic(file) == (1, 0):
        return npy.read_array_header_1_0(file)
    return npy.read_array_header_2_0(file)


def count_samples(samples: Mapping[str, Source], shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many samples there are.

    Args:
        shapes: each modality's sample shape, as the model reads it.

    Raises:
        DataError: no or an unknown modality, no numbers, or shapes or lengths that don't fit.
    """
    unknown = sorted(set(samples) - set(shapes))
    if unknown or not samples:
        named = ", ".join(map(repr, unknown)) or "no modality"
        raise DataError(f"input has {named}; this model reads {', '.join(shapes)}, nothing else")
    for m, source in samples.items():
        if source.dtype.kind not in "fiub":
            raise DataError(f"{m}: holds {source.dtype}, not numbers")
        if not source.shape or source.shape[1:] != shapes[m]:
            raise DataError(f"{m}: samples have shape {source.shape[1:]}, not {shapes[m]}")
    lengths = {m: source.shape[0] for m, source in samples.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"modalities differ in their number of samples: {lengths}")
    return next(iter(lengths.values()))


@dataclass(frozen=True)
class Fills:
    """What is put where samples are NaN, as the data set was filled that the model learnt from.

    Attributes:
        means: of each modality, flattened; empty where nothing is filled.
        whole: whether samples that are NaN throughout are filled too, and so lack no modality.
    """

    means: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    whole: bool = False

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> Fills:
        """As a bundle's manifest has them."""
        fills = manifest.get("fills", {"what": "", "means": {}})
        means = {m: np.asarray(own, np.float32) for m, own in fills["means"].items()}
        return cls(means, fills["what"] == "samples")


NOTHING = Fills()


def pieces(
    samples: Mapping[str, Source], fills: Fills = NOTHING, largest: int = 1
) -> Iterator[tuple[Views, Present]]:
    """Consecutive samples of all modalities, as the model reads them, and which have which.

    A sample that is NaN throughout lacks the modality, where it isn't filled; zeros take its place.

    Args:
        largest: numbers of a sample of a modality that may not be there, whose place zeros take.

    Raises:
        DataError: a sample holds some NaN or an infinity, or lacks every modality; names it.
    """
    sizes = [int(np.prod(source.shape[1:], dtype=np.int64)) for source in samples.values()]
    rows = max(1, min(PIECE_SAMPLES, PIECE_BYTES // (4 * max(largest, *sizes))))
    start = 0
    for parts in zip(*(source.pieces(rows) for source in samples.values()), strict=True):
        piece = dict(zip(samples, parts, strict=True))
        found = {m: _finite(part, f"{m}: sample", start, m, fills) for m, part in piece.items()}
        present = {m: there for m, (_, there) in found.items()}
        anything = np.logical_or.reduce(list(present.values()))
        if not anything.all():
            raise DataError(f"sample {start + int(anything.argmin())} has no modality")
        yield {m: view for m, (view, _) in found.items()}, present
        start += len(parts[0])


def _finite(
    part: NDArray[Any], what: str, start: int, modality: str, fills: Fills
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # a float64 beyond float32 becomes an infinity, and is told
        numbers = np.ascontiguousarray(part, np.float32)
        # Any NaN or infinity shows in the sum of squares, in a fraction of the time.
        suspect = not np.isfinite(np.vdot(numbers, numbers))
    there = np.ones(len(numbers), bool)
    if suspect:
        flat = numbers.reshape(len(numbers), -1)
        empty = np.isnan(flat)
        there = np.asarray(~empty.all(1))
        if modality in fills.means:
            there |= fills.whole
            flat = np.where(empty & there[:, None], fills.means[modality], flat)
        bad = there & ~np.isfinite(flat).all(1)
        if bad.any():
            raise DataError(f"{what} {start + int(bad.argmax())} holds NaN or an infinity")
        numbers = np.where(there[:, None], flat, np.float32(0)).reshape(numbers.shape)
    return numbers, there
