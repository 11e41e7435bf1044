"""A bundle takes the place of nothing but an earlier bundle, and that is known before training."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from armtune.bundle.manifest import MANIFEST, read_manifest
from armtune.bundle.target import aside_of, check_target, put
from armtune.cli import main
from armtune.errors import RunError
from armtune.training.loop import Run


def fresh(to: Path) -> Path:
    """A finished bundle that is to come in a place."""
    aside = aside_of(to)
    aside.mkdir(parents=True)
    content = {"target": {}, "shapes": {"m": [1]}, "sha256": {"new.txt": "0"}}
    (aside / MANIFEST).write_text(json.dumps(content))
    (aside / "new.txt").write_text("new")
    return aside


def contents(folder: Path) -> dict[str, bytes]:
    found = folder.rglob("*")
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.is_file()}


def foreign_manifest(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("years")
    (folder / MANIFEST).write_text('{"name": "of another program"}')


def no_json(folder: Path) -> None:
    folder.mkdir()
    (folder / MANIFEST).write_text("")


def only_its_manifest(folder: Path) -> None:
    folder.mkdir()
    sums = ["thesis.txt"]
    (folder / "thesis.txt").write_text("years")
    (folder / MANIFEST).write_text(json.dumps({"target": {}, "shapes": {}, "sha256": sums}))


def a_file(folder: Path) -> None:
    folder.write_text("years")


@pytest.mark.parametrize("make", [foreign_manifest, no_json, only_its_manifest, a_file])
def test_what_is_no_bundle_of_ours_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "p")
    before = contents(tmp_path)
    with pytest.raises(RunError, match=r"p: (holds files that are not a bundle|is a file)"):
        check_target(tmp_path / "p")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["thesis.txt", "sub/thesis.txt", "__pycache__/thesis.txt"])
def test_a_bundle_that_holds_more_stays(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("years")
    before = contents(bundle)
    with pytest.raises(RunError, match=rf"not a bundle \({name.partition('/')[0]}\)"):
        check_target(bundle)
    assert contents(bundle) == before


def test_a_link_in_a_bundle_is_not_followed_and_stays(bundle: Path, tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years")
    (bundle / "predict.py").unlink()
    (bundle / "predict.py").symlink_to(precious)
    with pytest.raises(RunError, match=r"not a bundle \(predict\.py\)"):
        check_target(bundle)


def test_a_bundle_is_replaced_even_if_damaged_or_run(bundle: Path) -> None:
    (bundle / "predict.py").write_text("damaged")
    (bundle / "metrics.json").unlink()
    (bundle / "__pycache__").mkdir()
    (bundle / "__pycache__" / "predict.cpython-311.pyc").write_bytes(b"")
    put(fresh(bundle), bundle)
    assert sorted(contents(bundle)) == [MANIFEST, "new.txt"]
    assert [p.name for p in bundle.parent.iterdir()] == ["best"]


def test_what_comes_into_a_bundle_after_the_check_stays(bundle: Path) -> None:
    aside = fresh(bundle)
    (bundle / "thesis.txt").write_text("years")
    with pytest.raises(RunError, match=r"thesis\.txt"):
        put(aside, bundle)
    assert (bundle / "thesis.txt").read_text() == "years"


def test_a_link_to_a_folder_stays_one(tmp_path: Path) -> None:
    link, folder = tmp_path / "link", tmp_path / "elsewhere" / "folder"
    link.symlink_to(folder)
    for _ in range(2):  # the first time the folder isn't there yet
        put(fresh(link), link)
        assert link.is_symlink()
        assert sorted(contents(folder)) == [MANIFEST, "new.txt"]
    assert [p.name for p in folder.parent.iterdir()] == ["folder"]


def test_the_folder_one_is_in_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (".", str(tmp_path), "x/.."):
        with pytest.raises(RunError, match="is the folder you are in"):
            check_target(Path(name))


@pytest.mark.parametrize("to", ["/proc/p", "file/p", "/proc", "n" * 256, "ring/p"])
def test_a_place_that_cannot_be_written_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(RunError, match=r"can't be written|file system of its own"):
        check_target(Path(to))


def test_the_check_leaves_nothing(tmp_path: Path) -> None:
    check_target(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    views = {name: rng.normal(size=(40, 3)) for name in ("a", "b")}
    np.savez(tmp_path / "own.npz", label=np.arange(40) % 2, **views)
    path = tmp_path / "r.yaml"
    path.write_text(
        "name: r\ndata: {name: arrays, path: own.npz}\n"
        "modalities: {a: {encoder: {name: mlp}}, b: {encoder: {name: mlp}}}\n"
        "training: {epochs: 1}\n"
        "sweep: {trials: 1, confirm: null, objectives: [maximize accuracy]}\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("make", [foreign_manifest, a_file])
@pytest.mark.parametrize("verb", ["train", "sweep"])
def test_it_is_checked_before_anything_is_trained(
    recipe: Path,
    make: Callable[[Path], None],
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def trained(self: Run) -> None:
        raise AssertionError("it trains")

    monkeypatch.setattr(Run, "advance", trained)
    to = recipe.parent / "to"
    taken = to / "best" if verb == "sweep" else to
    taken.parent.mkdir(exist_ok=True)
    make(taken)
    before = contents(to) if to.is_dir() else to.read_bytes()
    extra = ["--inline"] if verb == "sweep" else []
    monkeypatch.setattr(sys, "argv", ["armtune", verb, str(recipe), "--to", str(to), *extra])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert f"{taken.name}: " in capsys.readouterr().err
    assert (contents(to) if to.is_dir() else to.read_bytes()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="others can't give themselves up")
def test_a_folder_of_others_is_told_at_once(tmp_path: Path) -> None:
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(RunError, match="p: can't be written: Permission denied"):
            check_target(tmp_path / "p")
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", ["../thesis.txt", "{tmp}/thesis.txt", "sub/thesis.txt", "..", ""])
def test_a_manifest_reaches_no_file_outside_its_folder(tmp_path: Path, name: str) -> None:
    bundle, thesis = tmp_path / "p", tmp_path / "thesis.txt"
    (bundle / "sub").mkdir(parents=True)
    for path in (thesis, bundle / "sub" / "thesis.txt"):
        path.write_text("years")
    sums = {name.format(tmp=tmp_path): "0"}
    about = {"target": {}, "shapes": {"m": [1]}, "sha256": sums}
    (bundle / MANIFEST).write_text(json.dumps(about))
    before = contents(tmp_path)
    with pytest.raises(
        RunError, match="sha256 needs a text for each file, by its name in the folder"
    ):
        read_manifest(bundle)
    with pytest.raises(RunError, match="holds files that are not a bundle"):
        check_target(bundle)
    assert contents(tmp_path) == before
