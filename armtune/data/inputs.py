"""Samples to predict, of which only a piece is in memory. Imports nothing that is slow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Source(Protocol):
    """One modality's samples ``(sample, *shape)``, of which only a piece is in memory."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def pieces(self, rows: int) -> Iterator[NDArray[Any]]:
        """All samples in order, ``rows`` at a time."""


@dataclass(frozen=True)
class Whole:
    """An array in memory, or memory-mapped."""

    array: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def pieces(self, rows: int) -> Iterator[NDArray[Any]]:
        for start in range(0, len(self.array), rows):
            yield self.array[start : start + rows]
