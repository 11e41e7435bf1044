"""Picture files as arrays of one size. Needs the extra ``armtune[media]`` (Pillow)."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError


class DamagedPictureError(DataError):
    """A picture file can't be read; others perhaps can."""


def read_picture(path: Path, side: int) -> NDArray[np.uint8]:
    """A picture file in colour, ``(3, side, side)``; see ``decode_picture``."""
    return decode_picture(path, side, str(path))


def decode_picture(source: Path | BytesIO, side: int, place: str) -> NDArray[np.uint8]:
    """A picture in colour, ``(3, side, side)``: the shorter side scaled, the middle cut out.

    Args:
        source: a file, or its content, in any format that Pillow reads (JPEG, PNG, …).
        side: of the result, in pixels.
        place: what messages call it.

    Raises:
        DamagedPictureError: the file is missing or damaged; names it.
        DataError: Pillow isn't installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise DataError("reading pictures needs Pillow: pip install 'armtune[media]'") from error
    try:
        with warnings.catch_warnings(), Image.open(source) as picture:
            # About odd metadata, once for each of thousands of files.
            warnings.simplefilter("ignore")
            # JPEGs are decoded at a half, a quarter … of their size: several times as fast.
            picture.draft("RGB", (2 * side, 2 * side))
            square = ImageOps.fit(picture.convert("RGB"), (side, side), Image.Resampling.BICUBIC)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DamagedPictureError(f"{place}: missing or damaged ({_reason(error)})") from error
    return np.moveaxis(np.asarray(square), 2, 0)


def _reason(error: Exception) -> str:
    """Without the path, which Pillow repeats."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error).split(" '")[0]
