"""``armtune plan`` on real trainings of toy arrays."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from armtune.cli import main

RECIPE = """\
name: toy
data: {name: arrays, path: toy.npz}
modalities:
  image: {encoder: {name: mlp, width: 8}}
  audio: {encoder: {name: mlp, width: 8}}
training: {epochs: 9, batch_size: 32}
sweep:
  space:
  - training.decay: {choice: [cosine, none]}
    training.warmup_epochs: {int: [1, 3], when: {training.decay: cosine}}
  trials: 4
  sampler: {name: auto}
  pruner: {name: pareto_asha}
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    views = {m: rng.normal(size=(90, 4)).astype(np.float32) for m in ("image", "audio")}
    np.savez(tmp_path / "toy.npz", label=np.arange(90) % 3, **views)
    (tmp_path / "toy.yaml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "toy.yaml"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    assert code(monkeypatch, *arguments) == 0


def code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["armtune", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_it_says_what_would_run(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "plan", str(recipe), "--inline")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "toy: 4 trials over 4 combinations of values",
        "  training.decay: 'cosine', 'none'",
        "  training.warmup_epochs: 1 to 3, when training.decay is cosine",
        "sampler: grid, chosen because 4 trials are every combination of values",
        "pruner: pareto_asha; rungs after epochs 3, of 9",
    ]
    assert (recipe.parent / "runs" / "toy" / "plan.json").exists()
    assert not (recipe.parent / "runs" / "toy" / "recipe.yaml").exists()


def test_as_json(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "plan", str(recipe), "--json", "--to", "elsewhere", "sweep.trials=3")
    found = json.loads(capsys.readouterr().out)
    assert (found["trials"], found["combinations"], found["rungs"]) == (3, 4, [3])
    assert found["dimensions"][1]["when"] == {"training.decay": ["cosine"]}
    estimate = found["estimate"]
    parts = ("start_seconds", "search_seconds", "after_seconds", "end_seconds")
    total = sum(estimate[part] for part in parts)
    assert estimate["seconds"] == pytest.approx(total)
    assert estimate["pack"] == 1
    assert (recipe.parent / "elsewhere" / "plan.json").exists()


def test_it_says_what_a_pack_gains(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "plan", str(recipe), "--inline", "sweep.pack=3")
    [said] = [one for one in capsys.readouterr().out.splitlines() if one.startswith("packs")]
    assert said.startswith("packs: 3 to a worker (3), ")
    assert float(said.split()[6]) > 0


def test_what_this_machine_has_not_is_said(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "plan", str(recipe), "--inline", "sweep.resources.cpu=1e6")
    assert "a worker; more than this machine has: lower sweep.resources" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["plan", "sweep"])
def test_nothing_to_search_is_said_before_data_are_read(
    verb: str, recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (recipe.parent / "toy.npz").unlink()
    assert code(monkeypatch, verb, str(recipe), "--inline", "sweep.space=[]") == 2
    assert "sweep.trials: there is nothing to search; give sweep" in capsys.readouterr().err
    assert not (recipe.parent / "runs").exists()


def test_a_sweep_without_a_winner_says_how_to_export_another_trial(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("sweep.trials=1", "training.epochs=1", "sweep.space=[]", "sweep.confirm=null")
    rule = "sweep.choose=highest accuracy where loss <= 0"
    run(monkeypatch, "sweep", str(recipe), "--inline", "--quiet", *few, rule)
    told = capsys.readouterr().out
    assert "armtune export runs/toy --to model --trial 0" in told
    assert "armtune predict" not in told
    run(monkeypatch, "export", "runs/toy", "--to", "model", "--trial", "0", "--format", "none")
