"""``predict.py`` of a bundle ends in a sentence where it is given what it can't read."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from armtune.bundle.manifest import read_manifest
from armtune.errors import RunError
from armtune.export import standalone

ABOUT = {"shapes": {"m": [2]}, "target": {"kind": "classes", "names": ["a", "b"]}}


def squeezed(method: int, *, damaged: bool = False, locked: bool = False) -> bytes:
    """An archive of one array, whose packed bytes are damaged, or said to be encrypted."""
    file, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.arange(100.0))
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("m.npy", array.getvalue())
    content = bytearray(file.getvalue())
    if damaged:
        content[60:90] = bytes(30)
    if locked:
        for at in (6, content.index(b"PK\x01\x02") + 8):
            content[at] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        b"PK\x05\x06" + bytes(17),
        squeezed(zipfile.ZIP_DEFLATED, damaged=True),
        squeezed(zipfile.ZIP_LZMA, damaged=True),
        squeezed(zipfile.ZIP_STORED, locked=True),
    ],
    ids=["empty", "text", "no files", "deflated", "lzma", "locked"],
)
def test_archives_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(SystemExit, match=r"x\.npz: can't be read: "):
        standalone.read(tmp_path / "x.npz")


def test_folders_with_files_that_are_no_arrays(tmp_path: Path) -> None:
    (tmp_path / "m.npy").write_bytes(b"no array")
    with pytest.raises(SystemExit, match=r": can't be read: "):
        standalone.read(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '"text"', "null", "[" * 100_000, "{}"])
def test_a_damaged_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    (tmp_path / "bundle.json").write_text(content)
    monkeypatch.setattr(standalone, "HERE", tmp_path)
    with pytest.raises(SystemExit, match=r"bundle\.json: can't be read as a bundle: "):
        standalone.manifest()


@pytest.mark.parametrize("there", [True, False])
def test_a_model_that_is_missing_or_no_file(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "model.pt2").mkdir()
    with pytest.raises(SystemExit, match=r"model\.pt2: can't be read: "):
        standalone.untouched(tmp_path / "model.pt2", {"sha256": {}})


@pytest.mark.parametrize("name", ["bundle.json", "samples/m.npy"])
def test_model_and_samples_keep_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps({**ABOUT, "formats": {}, "sha256": {}}))
    (tmp_path / "samples").mkdir()
    np.save(tmp_path / "samples" / "m.npy", np.ones((1, 2)))
    before = (tmp_path / name).read_bytes()
    monkeypatch.setattr(standalone, "HERE", tmp_path)
    monkeypatch.setattr(standalone, "load", lambda _: lambda *_: np.array([[0.5, 0.5]]))
    words = ["predict.py", str(tmp_path / "samples"), str(tmp_path / name)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="would take the place of the samples, or of the model"):
        standalone.main()
    assert (tmp_path / name).read_bytes() == before


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


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["bundle.json", "model.pt2"])
def test_a_pipe_in_place_of_a_file_of_the_model_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(standalone, "HERE", tmp_path)
    os.mkfifo(tmp_path / name)
    read = standalone.manifest if name == "bundle.json" else standalone.untouched
    given = () if name == "bundle.json" else (tmp_path / name, {"sha256": {}})
    with pytest.raises(SystemExit, match=f"{name}: is a pipe or a device"):
        read(*given)


def test_a_manifest_without_end_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standalone, "HERE", tmp_path)
    with (tmp_path / "bundle.json").open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(SystemExit, match=r"bundle.json: has more than"):
        standalone.manifest()
    with pytest.raises(RunError, match=r"bundle.json: has more than"):
        read_manifest(tmp_path)
