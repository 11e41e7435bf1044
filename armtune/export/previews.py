"""What a sample looks like, in little room: a small picture, or a short text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data.columns.fitted import Category, Number
from armtune.data.columns.modalities import File, Text, Vector
from armtune.data.formats.png import encode_png

SIDE = 48
"""Longest side of a picture, in pixels."""
SMALLEST = 8
"""Shortest side of what is taken for a picture; of less numbers are told."""
LONGEST = 120
"""Letters of a text."""
FEW = 6
"""Numbers, or columns, that are told."""

Preview = dict[str, str]
"""``picture``, a PNG file in base64, or ``text``."""


def preview(sample: NDArray[Any], by: Vector | Text | File | None = None) -> Preview:
    """What a sample of one modality looks like.

    Args:
        sample: as the data set gives it.
        by: how it was made of a table's columns, if it was.
    """
    if isinstance(by, Text):
        return {"text": _short(by.numbers.decode(sample.astype(int).tolist()))}
    if isinstance(by, Vector):
        return {"text": _short(", ".join(_cells(sample, by)))}
    pixels = _pixels(sample)
    if pixels is None:
        return {"text": _short(_numbers(sample))}
    return {"picture": b64encode(encode_png(_bytes(_smaller(pixels)))).decode()}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _numbers(sample: NDArray[Any]) -> str:
    """The first numbers, or of a larger array its shape and range."""
    if sample.ndim > 1:
        shape, low, high = "×".join(map(str, sample.shape)), sample.min(), sample.max()
        return f"{shape} numbers from {low:.4g} to {high:.4g}"
    more = f", … ({len(sample)} numbers)" if len(sample) > FEW else ""
    return ", ".join(f"{number:.4g}" for number in sample[:FEW]) + more


def _cells(sample: NDArray[Any], by: Vector) -> Iterator[str]:
    ends = np.cumsum(by.widths)
    parts = np.split(sample, ends[:-1])
    for column, part in list(zip(by.columns, parts, strict=True))[:FEW]:
        yield f"{column.name} {_cell(column, part)}"
    if len(parts) > FEW:
        yield f"… ({len(parts)} columns)"


def _cell(column: Number | Category, part: NDArray[Any]) -> str:
    """A column's part of a vector; of a date its first parts."""
    if isinstance(column, Number):
        return "/".join(f"{number:.4g}" for number in part[: len(column.parts)][:3])
    place = int(part.argmax())
    named = part[place] == 1 and place < len(column.values)
    return column.values[place] if named else "another, or none"


def _pixels(sample: NDArray[Any]) -> NDArray[Any] | None:
    """What can be seen of an array, ``(height, width)`` or with three colours at the end."""
    if sample.ndim == 4:  # a film: what is seen in its middle
        sample = sample[len(sample) // 2]
    if sample.ndim == 3 and sample.shape[0] in (1, 3):
        sample = np.moveaxis(sample, 0, 2)
    if sample.ndim == 3 and sample.shape[2] == 1:
        sample = sample[..., 0]
    if sample.ndim == 3 and sample.shape[2] != 3:
        return None
    return sample if sample.ndim in (2, 3) and min(sample.shape[:2]) >= SMALLEST else None


def _smaller(pixels: NDArray[Any]) -> NDArray[Any]:
    """Means over equal blocks, so that no side is longer than it may be."""
    steps = [max(1, -(-size // SIDE)) for size in pixels.shape[:2]]
    height, width = (size // step for size, step in zip(pixels.shape, steps, strict=False))
    cut = pixels[: height * steps[0], : width * steps[1]].astype(np.float64)
    blocks = cut.reshape(height, steps[0], width, steps[1], *pixels.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)))


def _bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """From 0 to 1 as it is, any other range as wide as what is there."""
    known = np.nan_to_num(pixels, posinf=0, neginf=0)
    low, high = min(0.0, known.min()), max(1.0, known.max())
    if (low, high) != (0, 1):
        low, high = known.min(), max(known.max(), known.min() + 1e-12)
    return np.asarray((255 * (known - low) / (high - low)).round(), np.uint8)
