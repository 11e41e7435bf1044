"""``armtune data check``: what a data set holds, or what is wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armtune.cli import main
from armtune.data.cache import LOCK, CacheWriter, make_downloads, stored

RECIPE = """\
name: small
data: {name: arrays, path: own.npz}
modalities:
  left: {encoder: {name: mlp, width: 4}}
  right: {encoder: {name: mlp, width: 4}}
sweep: {space: []}
"""
Out = Callable[..., tuple[int, str, str]]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ARMTUNE_DATA", raising=False)
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Out:
    def out(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["armtune", "data", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return (int(caught.value.code or 0), *capsys.readouterr())

    return out


def save(folder: Path, **more: Any) -> None:
    """Sixty samples of three classes, half, a third and a sixth; one constant feature."""
    rng = np.random.default_rng(0)
    left = rng.normal(size=(60, 3))
    left[:, 1] = 5
    labels = np.repeat(["cat", "dog", "owl"], [30, 20, 10])
    split = np.resize(["train", "train", "train", "validation", "test"], 60)
    arrays = {"left": left, "right": rng.normal(size=(60, 2, 4)), "label": labels, "split": split}
    np.savez(folder / "own.npz", **{**arrays, **more})


def test_it_says_what_is_there(recipe: Path, out: Out) -> None:
    save(recipe.parent)
    code, told, _ = out("check", recipe)
    assert code == 0
    assert told.splitlines() == [
        "data: arrays from own.npz: 3 classes, 36 + 12 + 12 samples; "
        "classes are imbalanced: the largest has 3 times the smallest's training samples",
        "stand-in: no",
        "train: 36 samples, 3 classes, the largest 3 times the smallest",
        "validation: 12 samples, 3 classes, the largest 3 times the smallest",
        "test: 12 samples, 3 classes, the largest 3 times the smallest",
        "samples a class (train, validation, test):",
        "  cat      18       6       6",
        "  dog      12       4       4",
        "  owl       6       2       2",
        "left: 3; 1 of 3 features constant in training; no values not finite",
        "right: 2 × 4; 0 of 8 features constant in training; no values not finite",
        "note: validation holds 12 samples: scores on so few are mostly chance",
        "note: test holds 12 samples: scores on so few are mostly chance",
        "note: a training has 15 updates, fewer than some 500: raise training.epochs, lower "
        "training.batch_size, or leave training.epochs out and give training.steps",
    ]


def test_json_has_the_same_figures(recipe: Path, out: Out) -> None:
    save(recipe.parent)
    code, told, _ = out("check", recipe, "--json")
    found = json.loads(told)
    assert code == 0
    assert found["fine"]
    assert found["samples"] == {"train": 36, "validation": 12, "test": 12}
    assert found["labels"]["train"] == {"cat": 18, "dog": 12, "owl": 6}
    assert found["imbalance"]["train"] == 3
    assert not found["stand_in"]
    nobody = {"train": 0, "validation": 0, "test": 0}
    left = {"shape": [3], "not_finite": 0, "constant": 1, "features": 3, "absent": nobody}
    assert found["modalities"]["left"] == left


def test_missing_data_are_an_error_of_the_data(recipe: Path, out: Out) -> None:
    code, told, errors = out("check", recipe)
    assert (code, told) == (1, "")
    assert f"error: own.npz is not in {recipe.parent}" in errors
    code, told, _ = out("check", recipe, "--json")
    assert code == 1
    found = json.loads(told)
    assert not found["fine"]
    assert found["error"].startswith("own.npz is not in ")


def test_damaged_data_are_an_error_of_the_data(recipe: Path, out: Out) -> None:
    save(recipe.parent, left=np.full((60, 3), np.inf))
    code, _, errors = out("check", recipe)
    assert code == 1
    assert "'left': NaN or infinity (as float32) in sample 0" in errors


def test_a_wrong_recipe_is_an_error_of_the_recipe(recipe: Path, out: Out) -> None:
    code, _, errors = out("check", recipe, "data.pth=x")
    assert code == 2
    assert "data.pth" in errors


def test_an_encoder_that_cannot_read_its_data_is_an_error_of_the_recipe(
    recipe: Path, out: Out
) -> None:
    save(recipe.parent)
    code, _, errors = out("check", recipe, "modalities.left.encoder={name: lenet}")
    assert code == 2
    assert "modalities.left.encoder" in errors
    assert "lenet reads images" in errors


def test_a_group_alone_shows_its_verbs(out: Out) -> None:
    _, told, errors = out()
    assert "check" in told + errors


def test_a_stand_in_is_called_one(recipe: Path, out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    text = RECIPE.replace("arrays, path: own.npz", "avmnist, root: nowhere, otherwise: avdigits")
    text = text.replace("left", "image").replace("right", "audio")
    recipe.write_text(text, encoding="utf-8")
    code, told, _ = out("check", recipe, "--json")
    assert code == 0
    assert json.loads(told)["stand_in"]


def test_it_imports_no_torch(recipe: Path) -> None:
    save(recipe.parent)
    program = (
        "import sys; from armtune.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'ray', 'optuna'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program, "data", "check", str(recipe)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def two_zeros(writer: CacheWriter) -> dict[str, Any]:
    writer.add("x", 2, [np.zeros(2)])
    return {}


def test_the_cache_is_listed_and_what_is_old_is_removed(recipe: Path, out: Out) -> None:
    root = recipe.parent / "cache"
    assert out("cache")[1].split() == ["0.0", "MB", "in", str(root)]
    stored("fresh", "0" * 16, two_zeros)
    stored("stale", "1" * 16, two_zeros)
    (make_downloads() / "list.csv").write_text("downloaded")
    (root / ".building-now_0000").mkdir()
    before = time.time() - 10 * 24 * 3600
    for stale in (
        root / f"stale-{'1' * 16}" / "manifest.json",
        root / "downloads" / "list.csv",
    ):
        os.utime(stale, (before, before))
    listed = json.loads(out("cache", "--json")[1])
    assert {e["name"].split("-")[0]: round(e["days"]) for e in listed["kept"]} == {
        "downloads": 10, "fresh": 0, "stale": 10
    }  # fmt: skip
    assert not any(e["removed"] for e in listed["kept"])
    code, told, _ = out("cache", "--remove", "5")
    assert code == 0
    assert told.count("removed") == 2
    left = {path.name for path in root.iterdir()} - {LOCK}
    assert left == {f"fresh-{'0' * 16}", ".building-now_0000"}


def contents(folder: Path) -> dict[str, bytes | None]:
    found = folder.rglob("*")
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in found}


def test_nothing_of_others_is_removed_wherever_the_cache_points(recipe: Path, out: Out) -> None:
    root, digest = recipe.parent / "cache", "0" * 16
    stored("ours", digest, two_zeros)
    ours = (root / f"ours-{digest}" / "manifest.json").read_text()
    for name, content in {
        "thesis/chapter.txt": "years",
        ".ssh/id": "secret",
        "notes.txt": "years",
        "downloads/wedding.jpg": "of another program",
        f"site-{digest}/manifest.json": '{"name": "a web page", "about": "of ours"}',
        f"odd-{digest}/manifest.json": '{"arrays": 3, "about": 4}',
        f"mixed-{digest}/manifest.json": ours,
        f"mixed-{digest}/thesis.txt": "years",
        "renamed/manifest.json": ours,
        ".building-site/plan.txt": "years",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)
        os.utime((root / name).parent, (0, 0))
    outside = recipe.parent / f"link-{digest}"
    outside.mkdir()
    (outside / "manifest.json").write_text(ours)
    (root / outside.name).symlink_to(outside)
    before = contents(root)
    code, told, _ = out("cache", "--remove", "0")
    assert code == 0
    assert told.count("removed") == 1
    assert "left alone: 10 others there" in told
    stored("another", "2" * 16, two_zeros)  # which sweeps up after builds that were killed
    after = contents(root)
    assert [n for n in before if n not in after and not n.startswith("ours-")] == []
    assert (outside / "manifest.json").exists()
    assert "ours-" not in str(after)


def test_a_clock_set_back_keeps_nothing_from_being_removed(recipe: Path, out: Out) -> None:
    stored("future", "0" * 16, two_zeros)
    manifest = recipe.parent / "cache" / f"future-{'0' * 16}" / "manifest.json"
    os.utime(manifest, (time.time() + 1e6, time.time() + 1e6))
    assert out("cache", "--remove", "0")[1].count("removed") == 1
    assert not manifest.exists()


def test_use_keeps_in_the_cache(recipe: Path, out: Out) -> None:
    stored("used", "0" * 16, two_zeros)
    manifest = recipe.parent / "cache" / f"used-{'0' * 16}" / "manifest.json"
    os.utime(manifest, (0, 0))
    stored("used", "0" * 16, two_zeros)
    out("cache", "--remove", "1")
    assert manifest.exists()
