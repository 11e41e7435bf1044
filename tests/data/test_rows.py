"""Rows of memory-mapped arrays: read where they are asked for, and not before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from armtune.data import Split
from armtune.data.rows import Rows, chunks, is_mapped, pieces, rows, taken


@pytest.fixture
def array(tmp_path: Path) -> np.ndarray:
    np.save(tmp_path / "x.npy", np.arange(60, dtype=np.float64).reshape(10, 2, 3))
    mapped: np.ndarray = np.load(tmp_path / "x.npy", mmap_mode="r")
    return mapped


INDEX = np.array([7, 2, 2, 9])


def test_they_are_what_a_copy_would_be(array: np.ndarray) -> None:
    view, copied = rows(array, INDEX), np.array(array)[INDEX].astype(np.float32)
    assert isinstance(view, Rows)
    assert (view.shape, view.ndim, view.size, len(view)) == ((4, 2, 3), 3, 24, 4)
    for key in (slice(1, 3), 2, np.array([3, 0]), copied[:, 0, 0] > 20):
        np.testing.assert_array_equal(view[key], copied[key])
        assert view[key].dtype == np.float32
    np.testing.assert_array_equal(view[:, 1], copied[:, 1])
    np.testing.assert_array_equal(np.asarray(view), copied)
    np.testing.assert_array_equal(view - copied.mean(axis=0), copied - copied.mean(axis=0))
    np.testing.assert_array_equal([part.sum() for part in view], copied.sum(axis=(1, 2)))


def test_rows_of_rows_still_read_nothing(array: np.ndarray) -> None:
    view = rows(rows(array, INDEX), np.array([3, 0]))
    assert isinstance(view, Rows)
    np.testing.assert_array_equal(np.asarray(view), np.array(array)[[9, 7]])


def test_what_is_in_memory_is_copied_and_neighbours_never(array: np.ndarray) -> None:
    inside = np.array(array, np.float32)
    assert not is_mapped(rows(inside, INDEX))
    assert np.shares_memory(rows(inside, np.arange(3, 6)), inside)
    assert is_mapped(array)
    assert is_mapped(np.asarray(array)[2:])
    assert is_mapped(rows(array, np.arange(3, 6)))


def test_splits_forget_masks_of_what_nobody_lacks_any_more(array: np.ndarray) -> None:
    split = Split({"x": array}, np.arange(10), {"x": np.arange(10) != 4})
    assert not taken(split, INDEX).present
    assert taken(split, np.array([3, 4])).present["x"].tolist() == [True, False]
    np.testing.assert_array_equal(taken(split, INDEX).labels, INDEX)


def test_chunks_make_up_a_view(array: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("armtune.data.rows.CHUNK_BYTES", 8 * 6 * 4)
    assert [piece.stop for piece in pieces(array)] == [4, 8, 10]
    np.testing.assert_array_equal(np.concatenate(list(chunks(array))), array)
    there = np.arange(10) % 3 == 0
    found = np.concatenate(list(chunks(array, there)))
    np.testing.assert_array_equal(found, array[there])
