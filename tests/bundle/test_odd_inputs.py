"""Archives that aren't what they say end in one line that names them."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from armtune.bundle.samples import count_samples, pieces, read_samples
from armtune.errors import DataError

SHAPES = {"audio": (5,)}


def header(said: str, version: bytes = b"\x01\x00") -> bytes:
    text = said.encode("latin-1") + b"\n"
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + bytes(100)


def archive(content: bytes, flags: int = 0, method: int = 0) -> bytes:
    """A zip with one member, whose flags and method of compression are set by hand."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        file.writestr("audio.npy", content)
    data = bytearray(memory.getvalue())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(mark) + offset
        data[at : at + 4] = struct.pack("<HH", flags, method)
    return bytes(data)


def whole() -> bytes:
    memory = io.BytesIO()
    np.save(memory, np.zeros((4, 5), np.float32))
    return memory.getvalue()


def read(path: Path) -> int:
    samples = read_samples(path)
    list(pieces(samples))
    return count_samples(samples, SHAPES)


def shaped(shape: str) -> bytes:
    return archive(header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"))


ODD = {
    "encrypted": archive(whole(), flags=1),
    "unknown compression": archive(whole(), method=99),
    "damaged bzip2": archive(whole(), method=12),
    "damaged lzma": archive(whole(), method=14),
    "no header": archive(b""),
    "another version": archive(header("{}", b"\x09\x00")),
    "no Python": archive(header("{'descr': ")),
    "code": archive(header("__import__('os')")),
    "no type": archive(header("{'descr': 'zz', 'fortran_order': False, 'shape': (4, 5)}")),
    "fewer than none": shaped("(-4, 5)"),
    "no shape": shaped("4"),
    "endless": shaped(f"({2**50}, 5)"),
    "deep": archive(header("(" * 5_000 + ")" * 5_000)),
    "no zip": b"PK\x05\x06" + bytes(10),
    "nothing": b"",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
def test_it_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.npz"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"odd\.npz"):
        read(path)


def test_what_is_as_it_says_is_read(tmp_path: Path) -> None:
    path = tmp_path / "even.npz"
    path.write_bytes(archive(whole()))
    assert read(path) == 4
