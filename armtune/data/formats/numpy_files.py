"""Arrays by key, from an ``.npz`` file or from a folder of ``.npy`` files."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from difflib import get_close_matches
from lzma import LZMAError
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from armtune.errors import DataError

UNREADABLE = (
    ArithmeticError, EOFError, LookupError, LZMAError, MemoryError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError, struct.error, tokenize.TokenError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
"""What Python and numpy raise for archives and headers that aren't what they say, or are locked."""

T = TypeVar("T")


class Store(Protocol):
    """Arrays by key, wherever they come from."""

    path: Path

    def __contains__(self, key: str) -> bool: ...

    def at(self, key: str) -> str:
        """Where an array is, for messages."""

    def get(self, key: str) -> NDArray[np.generic]:
        """The array of this key; DataError where it can't be had."""


class ArrayStore:
    """Arrays by key; those of a folder are memory-mapped. Pickled objects are never read.

    Attributes:
        path: the ``.npz`` file or the folder.
        files: the file, or the folder's ``.npy`` files.
        keys: what the arrays are called.

    Raises:
        DataError: the file isn't an ``.npz``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            self.files = sorted(path.glob("*.npy"))
            self.keys = [file.stem for file in self.files]
        else:
            self.files = [path]
            self.keys = _from_npz(path, str(path), lambda archive: list(archive.files))

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    def at(self, key: str) -> str:
        """Where an array is, for messages."""
        return str(self.path / f"{key}.npy") if self.path.is_dir() else f"{self.path}: {key!r}"

    def get(self, key: str) -> NDArray[np.generic]:
        """The array of this key; one of a folder is memory-mapped.

        Raises:
            DataError: there is none, it is damaged, or it holds Python objects.
        """
        if key not in self.keys:
            near = get_close_matches(key, self.keys, 1)
            known = f"it has {', '.join(self.keys) or 'none'}"
            hint = f"did you mean {near[0]!r}?" if near else known
            raise DataError(f"{self.path}: no array {key!r}; {hint}")
        if not self.path.is_dir():
            return _from_npz(self.path, self.at(key), lambda archive: np.asarray(archive[key]))
        try:
            mapped: NDArray[np.generic] = np.load(self.path / f"{key}.npy", "r", allow_pickle=False)
            return mapped
        except UNREADABLE as error:
            raise DataError(f"{self.at(key)}: {_reason(error)}") from error


def _from_npz(path: Path, where: str, take: Callable[[NpzFile], T]) -> T:
    try:
        # Opened here, since numpy leaves a damaged file open.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise DataError(f"{path}: a single array; name its folder, or an .npz file")
            return take(archive)
    except UNREADABLE as error:
        raise DataError(f"{where}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if "pickle" in str(error):
        return (
            "not numpy's format, or Python objects, which could run code when read; "
            "store plain numbers or text"
        )
    return f"damaged ({error})"
