"""Data sets that were built once, kept as one folder each: ``.npy`` files and a manifest.

A folder is named by the digest of what it was built from. It is built under another name and
then renamed, so a folder with the right name is whole unless something damaged it afterwards. The
manifest's time is when the folder was last used.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data import Split
from armtune.data.splits import SPLITS
from armtune.errors import DataError
from armtune.files import read_json

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
BUILDING = ".building-"
DOWNLOADS = "downloads"
"""Folder of files as they were downloaded."""
LOCK = ".lock"
"""File of locks in the cache: a byte for each folder that is being built."""
MADE = ".made-by-armtune"
"""File in it: somebody else's folder may have the same name."""
_BUILDING_NAME = re.compile(r"\.building-[a-z0-9_]{8}")
_NAME = re.compile(r".+-[0-9a-f]{16}")
BLOCK = 1 << 20
"""Bytes that are read at a time to check them."""
DAY = 24 * 3600.0

Stored = tuple[dict[str, NDArray[Any]], dict[str, Any]]
"""Arrays by name (memory-mapped, read-only) and what the builder said about them."""


class DamagedError(DataError):
    """A built data set can't be read back."""


def cache_root() -> Path:
    """``$ARMTUNE_CACHE``, else ``$XDG_CACHE_HOME/armtune``, else ``~/.cache/armtune``."""
    if own := os.environ.get("ARMTUNE_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "armtune"
    return Path.home() / ".cache" / "armtune"


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    Raises:
        DataError: the file can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    return digest.hexdigest()


def digest_of(parts: Mapping[str, Any]) -> str:
    """Digest of anything that JSON can write, whatever its order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class CacheWriter:
    """A folder that arrays are written to, one batch after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, dict[str, Any]] = {}

    def add(self, name: str, length: int, batches: Iterable[NDArray[Any]]) -> None:
        """Writes an array of this many rows, given as batches of rows in order."""
        # Written, not memory-mapped: a full disk is then an error and not a killed process.
        checksum = rows = 0
        with (self.folder / f"{name}.npy").open("wb") as file:
            for batch in batches:
                if not rows:
                    shape = (length, *batch.shape[1:])
                    header = {"descr": batch.dtype.str, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                    self.entries[name] = {"shape": list(shape), "dtype": batch.dtype.name}
                content = batch.tobytes()
                checksum = zlib.crc32(content, checksum)
                rows += len(batch)
                file.write(content)
        assert rows == length, f"{name}: {rows} rows written, {length} promised"
        self.entries[name]["crc32"] = checksum

    def close(self, about: Mapping[str, Any]) -> None:
        """Writes the manifest, which makes the folder readable."""
        manifest = {"arrays": self.entries, "about": dict(about)}
        (self.folder / MANIFEST).write_text(json.dumps(manifest, indent=1))


def stored(name: str, digest: str, build: Callable[[CacheWriter], Mapping[str, Any]]) -> Stored:
    """The data set of this name and digest from the cache; built first where it isn't there.

    Args:
        name: what the folder's name begins with.
        digest: of everything that the arrays depend on.
        build: adds all arrays to the writer and returns what to say about them, in JSON types.

    Raises:
        DataError: the cache can't be written.
    """
    root = cache_root()
    folder = root / f"{name}-{digest[:16]}"
    with writing(root):
        if found := _kept(folder):
            return found
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        with _alone(root / LOCK, digest):
            # Another process may have built it while this one waited.
            return _kept(folder) or _built(folder, build)


def is_stored(name: str, digest: str) -> bool:
    """Whether there is a data set of this name and digest, whole or damaged."""
    return (cache_root() / f"{name}-{digest[:16]}").exists()


def _built(folder: Path, build: Callable[[CacheWriter], Mapping[str, Any]]) -> Stored:
    aside = Path(tempfile.mkdtemp(prefix=BUILDING, dir=folder.parent))
    try:
        writer = CacheWriter(aside)
        writer.close(build(writer))
        _publish(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return read_entry(folder)


@contextmanager
def _alone(path: Path, digest: str) -> Iterator[None]:
    """Lets one process at a time build a folder, as far as the file system has locks."""
    with path.open("a") as file:
        with suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_EX, 1, zlib.crc32(digest.encode()))
        yield


def _kept(folder: Path) -> Stored | None:
    """The data set of a folder; None where it isn't there, or is damaged, and so discarded."""
    if not folder.exists():
        return None
    try:
        found = read_entry(folder)
        with suppress(OSError):  # a cache that can only be read
            os.utime(folder / MANIFEST)
        return found
    except DamagedError as error:
        log.warning("%s; building it again", error)
        discard(folder)
        return None


def counted(
    batches: Iterable[NDArray[Any]], tell: Callable[[int, int], None], total: int
) -> Iterator[NDArray[Any]]:
    """The same batches; tells how many rows of all are done after each."""
    done = 0
    for batch in batches:
        done += len(batch)
        tell(done, total)
        yield batch


def splits_of(stored: Stored, modalities: Sequence[str]) -> tuple[Split, Split, Split]:
    """Train, validation and test from arrays ``<split>_<modality>`` and ``<split>_label``.

    Which samples have a modality is in ``<split>_<modality>_present``, where some lack it; the
    numbers of the samples' groups in ``<split>_group``, where there are any.
    """
    arrays, _ = stored
    train, validation, test = (
        Split(
            {m: arrays[f"{split}_{m}"] for m in modalities},
            arrays[f"{split}_label"],
            {
                m: there
                for m in modalities
                if (there := arrays.get(f"{split}_{m}_present")) is not None
            },
            arrays.get(f"{split}_group"),
        )
        for split in SPLITS
    )
    return train, validation, test


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns what the system says about a full or read-only disk into a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: can't write to the cache ({error.strerror}); "
            f"free some space or set ARMTUNE_CACHE to another folder"
        ) from error


def _publish(aside: Path, folder: Path) -> None:
    """Gives the folder its name, unless another process has built the same in the meantime."""
    try:
        aside.chmod(0o755)
        aside.replace(folder)
    except OSError:
        if not folder.exists():
            raise


def make_downloads() -> Path:
    """The folder of downloads, made and marked as ours where there is none."""
    folder = cache_root() / DOWNLOADS
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MADE).touch()
    return folder


def is_building(path: Path) -> bool:
    """Whether it is a folder of ours that is being built or removed, or was when we were killed."""
    return bool(_BUILDING_NAME.fullmatch(path.name)) and _is_folder(path)


def is_ours(path: Path) -> bool:
    """Whether it is a folder that armtune made here: by its name, its manifest and its files."""
    if not _is_folder(path):
        return False
    if path.name == DOWNLOADS:
        return (path / MADE).is_file()
    try:
        manifest = read_json(path / MANIFEST)
        names = {MANIFEST, *(f"{name}.npy" for name in dict(manifest["arrays"]))}
        holds = {file.name for file in path.iterdir()}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(_NAME.fullmatch(path.name)) and "about" in manifest and holds <= names


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def discard(folder: Path) -> None:
    """Removes a folder of the cache. Renamed first, so that nobody finds half of it."""
    wreck = Path(tempfile.mkdtemp(prefix=BUILDING, dir=folder.parent))
    try:
        with suppress(FileNotFoundError):  # another process was faster
            folder.replace(wreck)
    finally:
        shutil.rmtree(wreck, ignore_errors=True)


def read_entry(folder: Path) -> Stored:
    """Everything in a built folder, memory-mapped and checked.

    Raises:
        DamagedError: something is missing or isn't what was written.
    """
    try:
        manifest = read_json(folder / MANIFEST)
        entries, about = dict(manifest["arrays"]), dict(manifest["about"])
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in entries}
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{folder}: damaged ({error})") from error
    for name, array in arrays.items():
        found = {"shape": list(array.shape), "dtype": array.dtype.name}
        found["crc32"] = _checksum(folder / f"{name}.npy", array)
        if found != entries[name]:
            raise DamagedError(f"{folder}: damaged ({name}.npy isn't what was written)")
    return arrays, about


def _checksum(path: Path, array: NDArray[Any]) -> int:
    """Of an array's numbers, read from its file: mapped, they would all stay in memory."""
    checksum = 0
    with path.open("rb") as file:
        file.seek(path.stat().st_size - array.nbytes)
        while block := file.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _sweep(root: Path) -> None:
    """Removes what killed builds left behind a day ago or longer."""
    for left in filter(is_building, root.glob(f"{BUILDING}*")):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > DAY:
                shutil.rmtree(left, ignore_errors=True)
