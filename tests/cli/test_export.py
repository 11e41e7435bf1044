"""``armtune export`` and ``--resume`` where a run's data lie elsewhere by now."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from armtune.cli import main
from armtune.testing.toys import toy_dataset

Verb = Callable[..., tuple[int, str]]


def write_data(path: Path, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(120) % 3
    views = {name: rng.normal(size=(120, 4)) + labels[:, None] for name in ("a", "b")}
    np.savez(path, label=labels, **views)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, data and a finished run."""
    folder = tmp_path_factory.mktemp("swept")
    write_data(folder / "own.npz")
    (folder / "r.yaml").write_text(
        "name: r\n"
        "data: {name: arrays, path: own.npz}\n"
        "modalities: {a: {encoder: {name: mlp}}, b: {encoder: {name: mlp}}}\n"
        "training: {epochs: 1}\n"
        "sweep:\n"
        "  trials: 2\n"
        "  space: [{training.optimizer.lr: {log: [0.001, 0.1]}}]\n"
        "  confirm: {top: 1, seeds: 1, solo: false}\n"
        "  objectives: [maximize accuracy]\n",
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        command = ["sweep", str(folder / "r.yaml"), "--inline", "--quiet", "--to"]
        patch.setattr(sys, "argv", ["armtune", *command, str(folder / "run")])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
    return folder


@pytest.fixture
def moved(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, the data of which lie elsewhere than the run says."""
    folder = Path(shutil.copytree(swept, tmp_path / "copy"))
    recipe = folder / "run" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(str(swept), str(folder)))
    (folder / "elsewhere").mkdir()
    (folder / "own.npz").rename(folder / "elsewhere" / "own.npz")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("ARMTUNE_DATA", raising=False)
    return folder


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    def verb(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["armtune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    return verb


def test_an_export_says_which_data_are_missing(moved: Path, verb: Verb) -> None:
    code, said = verb("export", "run", "--to", "bundle")
    assert code == 1
    assert "run: its data are needed: " in said
    assert "own.npz is not in" in said
    assert "data.path=…" in said
    assert not (moved / "bundle").exists()


def test_an_export_takes_no_stand_in(
    moved: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = replace(toy_dataset(), description="stand-in for arrays (own.npz is not in run)")
    monkeypatch.setattr("armtune.export.from_run.load_dataset", lambda *_: stand_in)
    code, said = verb("export", "run", "--to", "bundle")
    assert code == 1
    assert "stand-in for arrays (own.npz is not in run); say where they lie: data.path=…" in said
    assert not (moved / "bundle").exists()


def test_an_export_refuses_other_data(moved: Path, verb: Verb) -> None:
    write_data(moved / "other.npz", seed=1)
    code, said = verb("export", "run", "--to", "bundle", "data.path=other.npz")
    assert code == 1
    assert "run: other data: its sweep used " in said
    assert not (moved / "bundle").exists()


def test_an_export_is_told_where_they_are(moved: Path, verb: Verb) -> None:
    code, said = verb("export", "run", "--to", "bundle", "data.path=elsewhere/own.npz")
    assert code == 0, said
    before = json.loads((moved / "run" / "best" / "bundle.json").read_text())["sha256"]
    after = json.loads((moved / "bundle" / "bundle.json").read_text())["sha256"]
    assert after["model.safetensors"] == before["model.safetensors"]


def test_an_export_changes_nothing_else(moved: Path, verb: Verb) -> None:
    code, said = verb("export", "run", "--to", "bundle", "training.epochs=3")
    assert code == 2
    assert "training.epochs: of a run, only where its data lie may change" in said


def test_a_sweep_resumes_with_data_that_were_moved(moved: Path, verb: Verb) -> None:
    resume = ("sweep", "r.yaml", "--inline", "--quiet", "--to", "run", "--resume")
    code, said = verb(*resume)
    assert code == 1
    assert "own.npz is not in" in said
    code, said = verb(*resume, "data.path=elsewhere/own.npz", "sweep.trials=3")
    assert code == 0, said
    assert verb("export", "run", "--to", "bundle")[0] == 0


def test_an_export_names_a_model_that_is_gone(moved: Path, verb: Verb) -> None:
    shutil.rmtree(moved / "run" / "confirm")
    code, said = verb("export", "run", "--to", "bundle", "data.path=elsewhere/own.npz")
    assert code == 1
    assert "model.safetensors: missing; sweep again with --resume" in said
