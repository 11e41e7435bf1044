"""PNG files without a library, read by one."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest

from armtune.data.formats.png import encode_png


@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (9, 5, 3)])
def test_a_picture_is_what_it_was(shape: tuple[int, ...]) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with image.open(BytesIO(encode_png(pixels))) as read:
        read.load()
        assert read.format == "PNG"
        assert np.array_equal(np.asarray(read), pixels)
