"""Samples written to disk one by one, until it is known which split they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from armtune.data import Split
from armtune.data.energy import scaled
from armtune.data.rows import Floats, Mask, Rows, as_float32
from armtune.errors import DataError


def as_view(decoded: NDArray[Any]) -> Floats:
    """What was decoded as float32: bytes, which are images, from 0 to 1."""
    return scaled(decoded) if decoded.dtype == np.uint8 else as_float32(decoded)


class Raw:
    """A file a modality, open for writing within a ``with`` block.

    Args:
        folder: where they are written; whoever made it removes it.
        names: the modalities.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._paths = {name: folder / f"{name}.raw" for name in names}
        self._files: dict[str, IO[bytes]] = {}
        self._first: dict[str, NDArray[Any]] = {}
        self._rows: dict[str, list[int]] = {name: [] for name in names}
        self._written = dict.fromkeys(names, 0)

    def __enter__(self) -> Self:
        self._files = {name: path.open("wb") for name, path in self._paths.items()}
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, arrays: Mapping[str, NDArray[Any]], places: Mapping[str, object]) -> None:
        """Appends a sample; it lacks the modalities that aren't given.

        Args:
            places: what messages call each modality of it.

        Raises:
            DataError: its shape isn't that of the ones before; names its place.
        """
        for name, array in arrays.items():
            first = self._first.setdefault(name, array)
            if array.shape != first.shape or array.dtype != first.dtype:
                raise DataError(
                    f"{places[name]}: has shape {array.shape}, those before have {first.shape}"
                )
        for name in self.names:
            self._rows[name].append(self._written[name])
            if name not in arrays:
                self._rows[name][-1] = -1
                continue
            self._files[name].write(arrays[name].tobytes())
            self._written[name] += 1

    def present(self) -> dict[str, Mask]:
        """Which samples have each modality."""
        return {name: np.array(numbers) >= 0 for name, numbers in self._rows.items()}

    def split(self, labels: NDArray[Any]) -> Split:
        """All samples, as float32 (images from 0 to 1).

        Raises:
            DataError: no sample has one of the modalities.
        """
        present = {name: there for name, there in self.present().items() if not there.all()}
        return Split({name: self._view(name) for name in self.names}, labels, present)

    def _view(self, name: str) -> Floats:
        if name not in self._first:
            raise DataError(f"{name}: no sample has it; leave it out")
        first = self._first[name]
        mapped = np.memmap(self._paths[name], first.dtype, "r").reshape(-1, *first.shape)
        return cast(Floats, Rows(mapped, np.array(self._rows[name]), as_view))
