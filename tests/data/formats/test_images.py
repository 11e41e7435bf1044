"""Picture files: their middle at one size, and messages for what isn't a picture."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from armtune.data.formats.images import DamagedPictureError, decode_picture, read_picture

Image = pytest.importorskip("PIL.Image")


def save(path: Path, mode: str = "RGB", size: tuple[int, int] = (40, 20)) -> Path:
    """Left half black, right half white."""
    pixels = np.zeros((size[1], size[0]), np.uint8)
    pixels[:, size[0] // 2 :] = 255
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.mark.parametrize(("mode", "name"), [("RGB", "a.jpg"), ("L", "a.png"), ("RGBA", "b.png")])
def test_any_mode_becomes_a_square_in_colour(tmp_path: Path, mode: str, name: str) -> None:
    pixels = read_picture(save(tmp_path / name, mode), 8)
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == np.uint8
    assert pixels[:, :, :2].max() < 40
    assert pixels[:, :, -2:].min() > 215


def test_the_middle_is_kept(tmp_path: Path) -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = [200, 0, 100]
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert (read_picture(tmp_path / "wide.png", 10) == [[[200]], [[0]], [[100]]]).all()


def test_missing_truncated_and_strange_files_are_named(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.jpg", size=(200, 200)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    (tmp_path / "empty.jpg").touch()
    for name in ("cut.jpg", "page.jpg", "empty.jpg", "absent.jpg"):
        with pytest.raises(DamagedPictureError, match=rf"{name}: missing or damaged \(.+\)"):
            read_picture(tmp_path / name, 8)


def grey(*values: int) -> np.ndarray:
    """Halves of 16 × 16 pixels in 16 bits."""
    return np.repeat(np.array([values], np.uint16), 32 // len(values), axis=1).repeat(32, axis=0)


def test_16_bits_keep_their_shades(tmp_path: Path) -> None:
    Image.fromarray(grey(0, 257 * 60, 257 * 200, 65535)).save(tmp_path / "a.png")
    pixels = read_picture(tmp_path / "a.png", 32)
    assert pixels[0, 16, [2, 11, 19, 29]].tolist() == [0, 60, 200, 255]
    buffer = BytesIO()
    Image.fromarray(grey(0, 65535)).save(buffer, "TIFF")
    assert decode_picture(buffer, 32, "a").max() == 255


def test_numbers_without_a_white_are_refused(tmp_path: Path) -> None:
    for kind in (np.float32, np.int32):
        buffer = BytesIO()
        Image.fromarray(np.ones((8, 8), kind)).save(buffer, "TIFF")
        with pytest.raises(DamagedPictureError, match=r"a\.tif: .*none is known to be white"):
            decode_picture(buffer, 8, "a.tif")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path: Path, name: str, orientation: int) -> None:
    upright = np.zeros((32, 32, 3), np.uint8)
    upright[:16, :16], upright[:16, 16:] = 250, 120
    # How a camera stores a picture that is to be shown so, by EXIF's definition.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright), 7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / name, exif=exif, quality=95)
    pixels = read_picture(tmp_path / name, 32)[0].astype(int)
    corners = pixels[[6, 6, 26, 26], [6, 26, 6, 26]]
    np.testing.assert_allclose(corners, [250, 120, 0, 0], atol=12)


@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0", b"Exif\0\0nonsense" * 3])
def test_damaged_exif_data_dont_spoil_a_picture(tmp_path: Path, exif: bytes) -> None:
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    assert abs(int(read_picture(tmp_path / "a.jpg", 8).mean()) - 90) < 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB", "I;16"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    """The left half is black and transparent, the right half is as grey as can be told."""
    dark = np.zeros((32, 32), np.uint8)
    dark[:, 16:] = 100
    picture, options = Image.fromarray(dark), {"transparency": 0}
    if mode == "RGBA":
        alpha = Image.fromarray(np.where(dark == 0, 0, 255).astype(np.uint8))
        picture, options = Image.merge("RGBA", (picture, picture, picture, alpha)), {}
    elif mode == "LA":
        alpha = Image.fromarray(np.where(dark == 0, 0, 255).astype(np.uint8))
        picture, options = Image.merge("LA", (picture, alpha)), {}
    elif mode == "RGB":
        picture, options = picture.convert("RGB"), {"transparency": (0, 0, 0)}
    elif mode == "P":
        colours = [0, 0, 0, 100, 100, 100]
        picture = Image.fromarray((dark > 0).astype(np.uint8))
        picture = picture.convert("P")
        picture.putpalette(colours)
    elif mode == "I;16":
        picture = Image.fromarray(dark.astype(np.uint16) * 257)
    picture.save(tmp_path / "a.png", **options)
    pixels = read_picture(tmp_path / "a.png", 32)
    assert pixels[:, :, :12].min() == 255
    np.testing.assert_array_equal(pixels[:, :, 20:], 100)


@pytest.mark.parametrize(
    "raised",
    [OverflowError("a byte"), KeyError(1), TypeError("a tag"), MemoryError(), IndexError()],
)
def test_whatever_a_reader_of_pictures_raises_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def fails(*_: object) -> None:
        raise raised

    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fails)
    with pytest.raises(DamagedPictureError, match=r"a\.png: missing or damaged"):
        read_picture(tmp_path / "a.png", 4)


def test_more_pixels_than_memory_should_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.data.formats.images.MOST_PIXELS", 799)
    with pytest.raises(DamagedPictureError, match=r"wide\.png: .*40 x 20 pixels, more than 799"):
        read_picture(save(tmp_path / "wide.png"), 8)
    # A JPEG is halved before.
    assert read_picture(save(tmp_path / "wide.jpg"), 4).shape == (3, 4, 4)
