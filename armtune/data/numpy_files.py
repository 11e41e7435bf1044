"""Arrays by key, from an ``.npz`` file or from a folder of ``.npy`` files."""

from __future__ import annotations

import zipfile
import zlib
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError

UNREADABLE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


class ArrayStore:
    """Arrays by key; those of a folder are memory-mapped. Pickled objects are never read.

    Raises:
        DataError: the file isn't an ``.npz``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = sorted(path.glob("*.npy")) if path.is_dir() else [path]
        self.keys = [file.stem for file in self.files] if path.is_dir() else _npz_keys(path)

    def __contains__(self, key: str) -> bool:
        return key in self.keys

    def at(self, key: str) -> str:
        """Where an array is, for messages."""
        return str(self.path / f"{key}.npy") if self.path.is_dir() else f"{self.path}: {key!r}"

    def get(self, key: str) -> NDArray[np.generic]:
        """The array of this key.

        Raises:
            DataError: there is none, it is damaged, or it holds Python objects.
        """
        if key not in self.keys:
            near = get_close_matches(key, self.keys, 1)
            known = f"it has {', '.join(self.keys) or 'none'}"
            hint = f"did you mean {near[0]!r}?" if near else known
            raise DataError(f"{self.path}: no array {key!r}; {hint}")
        try:
            array = self._load(key)
        except UNREADABLE as error:
            raise DataError(f"{self.at(key)}: {_reason(error)}") from error
        return array

    def _load(self, key: str) -> NDArray[np.generic]:
        if self.path.is_dir():
            return np.asarray(np.load(self.path / f"{key}.npy", "r", allow_pickle=False))
        with np.load(self.path, allow_pickle=False) as archive:
            return np.asarray(archive[key])


def _npz_keys(path: Path) -> list[str]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return list(archive.files)
    except UNREADABLE as error:
        raise DataError(f"{path}: not a readable .npz file ({_reason(error)})") from error
    except (AttributeError, TypeError) as error:
        raise DataError(f"{path}: a single array; name its folder, or an .npz file") from error


def _reason(error: Exception) -> str:
    if "allow_pickle" in str(error) or "pickled" in str(error):
        return "holds Python objects, which could run code when read; store plain numbers or text"
    return f"damaged ({error})"
