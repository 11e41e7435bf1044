"""``predict.py`` of a bundle ends in a sentence where it is given what it can't read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from armtune.export import standalone

ABOUT = {"shapes": {"m": [2]}, "target": {"kind": "classes", "names": ["a", "b"]}}


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(17)])
def test_archives_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(SystemExit, match=r"x\.npz: can't be read: "):
        standalone.read(tmp_path / "x.npz")


@pytest.mark.parametrize("array", [np.array(["a", "b"]), np.array(3.0), np.array([b"x"])])
def test_arrays_that_hold_no_samples_of_numbers(array: np.ndarray) -> None:
    with pytest.raises(SystemExit, match=r"^m: holds "):
        standalone.check({"m": array}, {"m": [2]})


def test_a_model_that_gives_no_numbers() -> None:
    with pytest.raises(SystemExit, match="the model gives NaN"):
        standalone.predict(lambda *_: np.array([[np.nan, 1]]), ABOUT, {"m": np.ones((1, 2))})


def test_the_samples_keep_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, m=np.ones((1, 2)))
    before = path.read_bytes()
    monkeypatch.setattr(standalone, "manifest", lambda: ABOUT)
    monkeypatch.setattr(standalone, "load", lambda _: lambda *_: np.array([[0.5, 0.5]]))
    monkeypatch.setattr(sys, "argv", ["predict.py", str(path), str(path)])
    with pytest.raises(SystemExit, match="would take the place of the samples"):
        standalone.main()
    assert path.read_bytes() == before
