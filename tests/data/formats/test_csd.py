"""Computational sequences: what is read of them, and messages for what isn't one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from armtune.data.formats.csd import fingerprint, open_sequences
from armtune.errors import DataError

h5py = pytest.importorskip("h5py")

SECONDS = np.array([[1.0, 2.0], [0.0, 1.0], [2.0, 3.0]])


def write(path: Path, **videos: tuple[np.ndarray, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        for name, (features, intervals) in videos.items():
            file[f"COVAREP/data/{name}/features"] = features
            file[f"COVAREP/data/{name}/intervals"] = intervals
        file["COVAREP/metadata/version"] = b"1"
    return path


def test_steps_come_in_time_and_what_is_not_finite_is_0(tmp_path: Path) -> None:
    given = np.array([[1.0, -np.inf], [2.0, 5.0], [np.nan, np.inf]])
    with open_sequences(write(tmp_path / "a.csd", one=(given, SECONDS))) as sequences:
        track = sequences["one"]
        assert sequences.videos == {"one"}
        assert sequences.width == 2
    assert track.features.tolist() == [[2, 5], [1, 0], [0, 0]]
    assert track.middles.tolist() == [0.5, 1.5, 2.5]


def test_odd_shapes_are_named_by_video(tmp_path: Path) -> None:
    fine = (np.zeros((3, 2)), SECONDS)
    path = write(tmp_path / "a.csd", a=fine, b=(np.zeros((3, 4)), SECONDS))
    message = r"a\.csd, video b: 4 features, other videos have 2"
    with open_sequences(path) as sequences, pytest.raises(DataError, match=message):
        sequences["b"]
    path = write(tmp_path / "b.csd", a=fine, b=(np.zeros((2, 2)), SECONDS))
    message = r"video b: features \(2, 2\) and intervals \(3, 2\)"
    with open_sequences(path) as sequences, pytest.raises(DataError, match=message):
        sequences["b"]


def test_a_video_without_features_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csd", a=(np.zeros((3, 2)), SECONDS))
    with h5py.File(path, "a") as file:
        file["COVAREP/data/b/intervals"] = SECONDS
    with (
        open_sequences(path) as sequences,
        pytest.raises(DataError, match="video b: damaged"),
    ):
        sequences["b"]


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.csd").write_text("<html>")
    with h5py.File(tmp_path / "other.csd", "w") as file:
        file["features"] = np.zeros(3)
    for name, message in (("text", "no HDF5 file"), ("other", "no computational sequence")):
        with (
            pytest.raises(DataError, match=rf"{name}\.csd: {message}"),
            open_sequences(tmp_path / f"{name}.csd"),
        ):
            pass


def test_the_fingerprint_sees_size_beginning_and_end(tmp_path: Path) -> None:
    contents = [b"a" * 9, b"a" * 10, b"b" + b"a" * 8, b"a" * 8 + b"b"]
    found = set()
    for content in contents:
        (tmp_path / "f").write_bytes(content)
        found.add(fingerprint(tmp_path / "f"))
    assert len(found) == 4
