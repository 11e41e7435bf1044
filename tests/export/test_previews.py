"""What samples look like in little room."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from armtune.data.columns.fitted import Category, Date, Number
from armtune.data.columns.modalities import Text, Vector
from armtune.data.vocabulary import Vocabulary
from armtune.export.previews import LONGEST, SIDE, preview


def seen(sample: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    image = pytest.importorskip("PIL.Image")
    with image.open(BytesIO(b64decode(preview(sample)["picture"]))) as read:
        return np.asarray(read)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((28, 28), (28, 28)),
        ((1, 28, 20), (28, 20)),
        ((3, 64, 64), (32, 32, 3)),
        ((64, 64, 3), (32, 32, 3)),
        ((5, 3, 8, 8), (8, 8, 3)),
        ((64, 500), (32, 45)),
        ((3, 200, 100), (40, 33, 3)),
    ],
)
def test_what_can_be_seen_is_a_small_picture(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    pixels = seen(np.random.default_rng(0).random(shape, np.float32))
    assert pixels.shape == size
    assert max(size[:2]) <= SIDE


def test_colours_are_kept_and_other_ranges_are_spread() -> None:
    colours = np.zeros((3, 8, 8), np.float32)
    colours[0], colours[1, 0, 0] = 1.0, 0.5
    assert seen(colours)[0, 0].tolist() == [255, 128, 0]
    ramp = np.linspace(-7, 3, 64, dtype=np.float32).reshape(8, 8)
    assert (seen(ramp).min(), seen(ramp).max()) == (0, 255)
    assert seen(np.full((8, 8), -2, np.float32)).max() == 0


def test_a_middle_frame_stands_for_a_film() -> None:
    film = np.stack([np.full((3, 8, 8), k / 4, np.float32) for k in range(5)])
    assert seen(film)[0, 0].tolist() == [128] * 3


VECTOR = Vector(
    (
        Number("price", "12.5", (0,), (1.0,), indicator=True),
        Category("colour", ("red", "green"), (0.5, 0.4, 0.1), rare=True, missing=False),
        Date("made", "%Y", (0, 1), (), indicator=False),
    )
)
TEXT = Text(("title",), Vocabulary(("lamp", "a")), 6)


@pytest.mark.parametrize(
    ("sample", "by", "text"),
    [
        ([3, 2, 1, 0, 0, 0], TEXT, "a lamp …"),
        ([23.9, 0, 0, 1, 0, 2012, 0.5], VECTOR, "price 23.9, colour green, made 2012/0.5"),
        ([1, 1, 0, 0, 1, 2012, 0], VECTOR, "price 1, colour another, or none, made 2012/0"),
        ([1.5, -2], None, "1.5, -2"),
        (range(16000), None, "0, 1, 2, 3, 4, 5, … (16000 numbers)"),
        ([[1, 2], [3, 4.5]], None, "2×2 numbers from 1 to 4.5"),
    ],
)
def test_what_cant_be_seen_is_told(sample: Any, by: Any, text: str) -> None:
    assert preview(np.array(sample, np.float32), by) == {"text": text}


def test_texts_and_pictures_are_small() -> None:
    words = Text(("title",), Vocabulary(("word\n" * 20,)), 50)
    text = preview(np.full(50, 2, np.float32), words)["text"]
    assert (len(text), text[-1]) == (LONGEST, "…")
    assert "\n" not in text
    noise = np.random.default_rng(0).random((3, 500, 500), np.float32)
    assert len(preview(noise)["picture"]) < 12_000
