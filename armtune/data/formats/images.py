"""Picture files as arrays of one size. Needs the extra ``armtune[media]`` (Pillow)."""

from __future__ import annotations

import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION = 0x0112
"""Tag of EXIF."""
TURNS = (
    "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE",
    "ROTATE_90",
)  # fmt: skip
"""What makes orientations 2 to 8 upright, as Pillow calls it."""
MOST_PIXELS = 40_000_000
"""Pixels that are decoded at most, of JPEGs after they were halved: a transparent one takes twelve
bytes each on the way."""
WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of grey values of 16 bits; PNG's are ``I`` in its older versions."""


UNREADABLE = (
    ArithmeticError, EOFError, LookupError, MemoryError, NotImplementedError, OSError,
    SyntaxError, TypeError, ValueError, struct.error,
)  # fmt: skip
"""What Pillow and its readers of formats raise for files that aren't what they say."""


class DamagedPictureError(DataError):
    """A picture file can't be read; others perhaps can."""


def read_picture(path: Path, side: int) -> NDArray[np.uint8]:
    """A picture file in colour, ``(3, side, side)``; see ``decode_picture``."""
    return decode_picture(path, side, str(path))


def decode_picture(source: Path | BytesIO, side: int, place: str) -> NDArray[np.uint8]:
    """A picture in colour, ``(3, side, side)``: the shorter side scaled, the middle cut out.

    It is turned upright as its EXIF data say, 16 bits become 8, and what is transparent is white.

    Args:
        source: a file, or its content, in any format that Pillow reads (JPEG, PNG, …).
        side: of the result, in pixels.
        place: what messages call it.

    Raises:
        DamagedPictureError: the file is missing or damaged, or of numbers of which none is known
            to be white; names it.
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
            _refuse_huge(picture)
            whole = _upright(_on_white(picture), _orientation(picture))
            square = ImageOps.fit(whole, (side, side), Image.Resampling.BICUBIC)
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise DamagedPictureError(f"{place}: missing or damaged ({_reason(error)})") from error
    return np.moveaxis(np.asarray(square), 2, 0)


def _refuse_huge(picture: Image) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        said = f"{picture.width} x {picture.height} pixels, more than {MOST_PIXELS:,}"
        raise ValueError(f"{said}; make it smaller")


def _on_white(picture: Image) -> Image:
    """A picture in 8 bits and colour, with white where it is transparent."""
    from PIL import Image

    if picture.mode in WIDE:
        picture = _narrowed(picture)
    elif picture.mode == "F":
        raise ValueError("of fractions, of which none is known to be white")
    transparent = picture.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    if not transparent and "transparency" not in picture.info:
        return picture.convert("RGB")
    own = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", own.size, "white"), own).convert("RGB")


def _narrowed(picture: Image) -> Image:
    """Grey values of 16 bits as of 8, with the one that is transparent as white."""
    from PIL import Image

    values = np.asarray(picture).astype(np.int64)
    if picture.mode == "I" and picture.format != "PNG":
        raise ValueError("of whole numbers, of which none is known to be white")
    grey = ((values + 128) // 257).astype(np.uint8)
    return Image.fromarray(np.where(values == picture.info.get("transparency"), 255, grey))


def _orientation(picture: Image) -> int:
    """1 to 8, as EXIF counts; 1 where it can't be told."""
    try:
        found = picture.getexif().get(ORIENTATION, 1)
    except UNREADABLE:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _upright(picture: Image, orientation: int) -> Image:
    from PIL import Image

    if orientation == 1:
        return picture
    return picture.transpose(Image.Transpose[TURNS[orientation - 2]])


def _reason(error: Exception) -> str:
    """Without the path, which Pillow repeats."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error).split(" '")[0]
