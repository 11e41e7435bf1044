"""Input files are read piece by piece, whatever they hold is told, and nothing is unpickled."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from armtune.bundle.samples import pieces, read_samples
from armtune.data.inputs import Source
from armtune.errors import DataError
from tests.conftest import TWO, toy_dataset

MEGABYTE = 1 << 20
VIEWS = toy_dataset().test.views


def joined(source: Source, rows: int) -> NDArray[np.generic]:
    return np.concatenate(list(source.pieces(rows)))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_an_npz_and_a_folder_alike(save: Callable[..., None], tmp_path: Path) -> None:
    save(tmp_path / "x.npz", **VIEWS)
    (tmp_path / "x").mkdir()
    for m, view in VIEWS.items():
        np.save(tmp_path / "x" / f"{m}.npy", view)
    for found in (read_samples(tmp_path / "x.npz"), read_samples(tmp_path / "x")):
        assert set(found) == set(TWO)
        for rows in (7, 60, 1000):
            np.testing.assert_array_equal(joined(found["audio"], rows), VIEWS["audio"])


@pytest.mark.parametrize("kind", ["u1", "i8", ">f4", "f2", "f8", "?"])
def test_numbers_of_any_kind_are_read(kind: str, tmp_path: Path) -> None:
    numbers = np.arange(12).reshape(4, 3).astype(kind)
    np.savez(tmp_path / "x.npz", x=numbers)
    ((piece, _),) = pieces(read_samples(tmp_path / "x.npz"))
    assert piece["x"].dtype == np.float32
    np.testing.assert_array_equal(piece["x"], numbers.astype(np.float32))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_large_file_needs_little_memory(save: Callable[..., None], tmp_path: Path) -> None:
    save(tmp_path / "x.npz", x=np.zeros((40, MEGABYTE), np.float32))  # 160 MB
    tracemalloc.start()
    count = sum(len(piece["x"]) for piece, _ in pieces(read_samples(tmp_path / "x.npz")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 40
    assert peak < 80 * MEGABYTE


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_columns_first_is_read_as_rows_first_is(save: Callable[..., None], tmp_path: Path) -> None:
    numbers = np.arange(60.0).reshape(5, 4, 3)
    save(tmp_path / "x.npz", x=np.asfortranarray(numbers))
    source = read_samples(tmp_path / "x.npz")["x"]
    assert source.shape == (5, 4, 3)
    read = list(source.pieces(2))
    assert [len(piece) for piece in read] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(read), numbers)


def test_a_file_cut_short_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((8, 3), np.float32))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", (tmp_path / "x.npy").read_bytes()[:-13])
    with pytest.raises(DataError, match=r"x\.npy: damaged: it ends within sample 6"):
        list(read_samples(tmp_path / "x.npz")["x"].pieces(3))


def test_damaged_content_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.ones((8, 300), np.float32))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[3000] ^= 1
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.npz: x\.npy: damaged: Bad CRC-32"):
        list(pieces(read_samples(tmp_path / "x.npz")))


def test_unreadable_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.npz: no such file"):
        read_samples(tmp_path / "x.npz")
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(DataError, match=r"x\.npz: not an \.npz"):
        read_samples(tmp_path / "x.npz")


def test_pickled_input_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", image=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match=r"image\.npy holds Python objects"):
        read_samples(tmp_path / "x.npz")
