"""Samples to predict whose files are listed, a file for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from armtune.data.prefetch import prefetched
from armtune.errors import DataError


@dataclass(frozen=True)
class Listed:
    """An ``inputs.Source`` of files, decoded as they are needed; NaN where a sample has none.

    Attributes:
        each: the shape that all samples have.
    """

    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float32)

    paths: Sequence[Path | None]
    decode: Callable[[Path], NDArray[np.float32]]
    each: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.paths), *self.each)

    def pieces(self, rows: int) -> Iterator[NDArray[Any]]:
        decoded = prefetched(self._sample, self.paths)
        while piece := list(islice(decoded, rows)):
            yield np.stack(piece)

    def _sample(self, path: Path | None) -> NDArray[np.float32]:
        if path is None:
            return np.full(self.each, np.nan, np.float32)
        sample = self.decode(path)
        if sample.shape != self.each:
            raise DataError(f"{path}: has shape {sample.shape}, not {self.each}")
        return sample
