"""Picture files: their middle at one size, and messages for what isn't a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from armtune.data.formats.images import DamagedPictureError, read_picture

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
