from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from armtune.data.formats.idx import read_idx
from armtune.errors import DataError

HEADER = bytes((0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3))


def test_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(HEADER + bytes(range(6))))
    np.testing.assert_array_equal(read_idx(path, 2), [[0, 1, 2], [3, 4, 5]])


def compressed(content: bytes) -> bytes:
    """The same bytes whenever it is asked: tests are named by them."""
    return gzip.compress(content, mtime=0)


WHOLE = compressed(HEADER + bytes(range(6)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an idx file"),
        (b"plainly not gzip", "damaged gzip file"),
        (WHOLE[:-12], "damaged gzip file"),
        (WHOLE[:12] + b"\xff\x00\xff" + WHOLE[15:], "damaged gzip file"),
        (compressed(HEADER + bytes(5)), r"17 bytes don't fit the dimensions \(2, 3\)"),
        (compressed(HEADER + bytes(7)), r"19 bytes don't fit the dimensions \(2, 3\)"),
        (compressed(HEADER[:8]), "don't fit the dimensions"),
        (compressed(b"\x00\x00\x0d\x02" + HEADER[4:] + bytes(6)), "not an idx file of bytes"),
        (compressed(b"\x00\x00\x08\x01" + HEADER[4:] + bytes(6)), "with 2 dimensions"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "train-images.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_idx(path, 2)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_idx(tmp_path / "nothing.gz", 1)
