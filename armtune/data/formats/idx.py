"""MNIST's file format: gzipped ``idx`` arrays of bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError

UNSIGNED_BYTES = 0x08


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in a gzipped ``idx`` file.

    Args:
        path: the ``.gz`` file.
        dimensions: how many dimensions it must have.

    Raises:
        DataError: the file is damaged or holds something else.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file ({error})") from error
    if content[:4] != bytes((0, 0, UNSIGNED_BYTES, dimensions)):
        raise DataError(f"{path}: not an idx file of bytes with {dimensions} dimensions")
    start = 4 + 4 * dimensions
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4"))
    if len(shape) != dimensions or len(content) - start != math.prod(shape):
        raise DataError(f"{path}: {len(content)} bytes don't fit the dimensions {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
