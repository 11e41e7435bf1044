"""``armtune compare`` from end to end on toy data, and what it refuses."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import yaml
from torch import Tensor

from armtune.balancing._hooks import Balancer
from armtune.cli import main
from armtune.data import Dataset
from armtune.errors import DivergedError
from armtune.sweeps import read_confirmed, read_records
from armtune.training.loop import Run

RECIPE = """\
name: small
data: {name: arrays, path: toy.npz}
modalities:
  image: {encoder: {name: mlp, width: 4}}
  audio: {encoder: {name: mlp, width: 4}}
fusion: {name: concat, dim: 4}
training: {epochs: 2, batch_size: 32}
sweep:
  space:
    - training.optimizer.lr: {log: [1e-3, 1e-1]}
  objectives: [maximize accuracy, minimize contribution_gap]
  trials: 9
  sampler: {name: random}
  choose: highest accuracy where contribution_gap <= 2
"""
ARM = "balancing.alpha: {uniform: [0, 2]}\n"
TINY = ("--methods", "none,arm", "--trials", "2", "--seeds", "2", "--inline", "--quiet")

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
RunVerb = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Patch, make_dataset: Callable[..., Dataset]) -> Path:
    """The current folder, with a recipe, a search space of ARM's and data."""
    split = make_dataset().train
    np.savez(tmp_path / "toy.npz", label=split.labels, **split.views)
    (tmp_path / "r.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "arm.yaml").write_text(ARM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: Patch) -> RunVerb:
    def verb(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["armtune", "compare", "r.yaml", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    return verb


def test_methods_get_equal_sweeps_and_a_report(run: RunVerb, folder: Path, capsys: Capture) -> None:
    assert run(*TINY) == 0
    printed = capsys.readouterr().out
    to = folder / "runs" / "small-compare"
    for method in ("none", "arm"):
        records, confirmed = read_records(to / method), read_confirmed(to / method)
        assert len(records) == 2
        assert [[c.seed for c in seeds] for seeds in confirmed.values()] == [[1000, 1001]]
        recipe = yaml.safe_load((to / method / "recipe.yaml").read_text(encoding="utf-8"))
        assert (recipe["name"], recipe["balancing"]["name"]) == (f"small-{method}", method)
    assert {"balancing.alpha", "training.optimizer.lr"} == read_records(to / "arm")[0].values.keys()
    assert (to / "compare.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    text = (to / "compare.md").read_text(encoding="utf-8")
    command = "armtune compare r.yaml --methods none,arm --trials 2 --seeds 2 --inline"
    assert f"\n    {command}\n" in text
    for heading in ("Budget: 2 trials a method", "Accuracy on test: points above none"):
        assert heading in printed
        assert heading in text


def test_it_is_all_done_on_each_cut(run: RunVerb, folder: Path, capsys: Capture) -> None:
    assert run(*TINY, "--cuts", "2") == 0
    printed = capsys.readouterr().out
    to = folder / "runs" / "small-compare"
    seeds = [
        yaml.safe_load((to / f"cut-{k}" / "arm" / "recipe.yaml").read_text())["data"]["seed"]
        for k in range(2)
    ]
    assert seeds == [0, 1]
    assert "standard deviation over the cuts" in printed
    assert "several cuts of the data" in (to / "compare.md").read_text(encoding="utf-8")
    tested = [
        [c.test["accuracy"] for c in next(iter(read_confirmed(to / f"cut-{k}" / "arm").values()))]
        for k in range(2)
    ]
    rows = (to / "compare.csv").read_text(encoding="utf-8").splitlines()
    row = next(row for row in rows if row.startswith("arm,test,accuracy,2,"))
    assert float(row.split(",")[4]) == pytest.approx(np.mean(tested))


def verb(monkeypatch: Patch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["armtune", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize("cuts", [1, 2])
def test_the_report_prints_it_again(
    run: RunVerb, folder: Path, capsys: Capture, monkeypatch: Patch, cuts: int
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(*TINY, "--cuts", str(cuts), "--json") == 0
    told = capsys.readouterr()
    to = folder / "runs" / "small-compare"
    files = {name: (to / f"compare.{name}").read_bytes() for name in ("md", "csv", "html")}
    for name in files:
        (to / f"compare.{name}").unlink()
    assert verb(monkeypatch, "report", str(to), "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(told.out)
    assert {name: (to / f"compare.{name}").read_bytes() for name in files} == files
    assert verb(monkeypatch, "report", str(to), "--to", "page.html") == 0
    assert (folder / "page.html").read_bytes() == files["html"]
    assert verb(monkeypatch, "report", str(to), str(to / "none")) == 2


def test_its_status_and_its_best_model(
    run: RunVerb, folder: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    assert run(*TINY) == 0
    to = str(folder / "runs" / "small-compare")
    capsys.readouterr()
    assert verb(monkeypatch, "status", to) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{to}: 2 of 2 sweeps done"
    assert lines[1].startswith("  none: done; 2 of 2 trials ended; best: trial ")
    assert verb(monkeypatch, "status", to, "--json") == 0
    assert json.loads(capsys.readouterr().out)["runs"]["arm"]["trials"]["complete"] == 2
    assert (
        verb(monkeypatch, "export", to, "--to", "arm", "--method", "arm", "--format", "none") == 0
    )
    recipe = yaml.safe_load((folder / "arm" / "recipe.yaml").read_text(encoding="utf-8"))
    assert recipe["balancing"]["name"] == "arm"
    assert verb(monkeypatch, "export", to, "--to", "best", "--format", "none") == 0
    rows = (folder / "runs/small-compare/compare.csv").read_text(encoding="utf-8").splitlines()
    scores = {
        (cells := row.split(","))[0]: float(cells[4])
        for row in rows
        if ",validation,accuracy," in row
    }
    recipe = yaml.safe_load((folder / "best" / "recipe.yaml").read_text(encoding="utf-8"))
    assert scores[recipe["balancing"]["name"]] == max(scores.values())
    assert verb(monkeypatch, "export", to, "--to", "x", "--method", "ogm") == 1
    assert "no method 'ogm'; there are none, arm" in capsys.readouterr().err
    assert verb(monkeypatch, "export", f"{to}/none", "--to", "x", "--method", "arm") == 2


def test_one_that_was_interrupted_says_how_far_it_is(
    run: RunVerb, folder: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    advance, epochs = Run.advance, count(1)

    def interrupted(self: Run) -> object:
        if next(epochs) == 19:  # in the second method
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(Run, "advance", interrupted)
    assert run(*TINY) == 130
    to = str(folder / "runs" / "small-compare")
    capsys.readouterr()
    assert verb(monkeypatch, "status", to) == 0
    printed = capsys.readouterr().out
    assert "1 of 2 sweeps done" in printed
    assert "arm: stopped, " in printed
    assert "armtune compare with --resume goes on" in printed
    assert verb(monkeypatch, "report", to) == 0
    assert "arm is unfinished: its sweep isn't over" in capsys.readouterr().out


@pytest.mark.parametrize("cuts", ["1", "2"])
@pytest.mark.parametrize("more", [(), ("--resume",)])
def test_a_sweeps_folder_takes_no_comparison(
    run: RunVerb, folder: Path, capsys: Capture, cuts: str, more: tuple[str, ...]
) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "study.journal").touch()
    assert run(*TINY, "--to", "own", "--cuts", cuts, *more) == 1
    assert "own holds a sweep, which its report would no longer show" in capsys.readouterr().err
    assert [file.name for file in (folder / "own").iterdir()] == ["study.journal"]


def test_a_comparisons_folder_takes_no_sweep(
    folder: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    (folder / "own").mkdir()
    (folder / "own" / "comparison.json").write_text("{}", encoding="utf-8")
    for more in ((), ("--resume",)):
        assert verb(monkeypatch, "sweep", "r.yaml", "--to", "own", "--inline", *more) == 1
        assert "own holds a comparison, which" in capsys.readouterr().err
    assert [file.name for file in (folder / "own").iterdir()] == ["comparison.json"]


def test_a_plan_is_of_every_method(
    run: RunVerb, folder: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    asked = ("plan", "r.yaml", "--methods", "none,arm", "--trials", "3", "--seeds", "2")
    assert verb(monkeypatch, *asked, "--cuts", "2", "--inline", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cuts"], list(found["methods"])) == (2, ["none", "arm"])
    for method, own in found["methods"].items():
        assert (own["trials"], own["trainings"]) == (3, 2)
        assert (folder / "runs/small-compare/cut-1" / method / "plan.json").is_file()
    each = [
        own["search_seconds"] + own["after_seconds"] + 2 * own["training_seconds"]
        for own in found["methods"].values()
    ]
    start = max(own["start_seconds"] for own in found["methods"].values())
    assert found["seconds"] == pytest.approx(start + 2 * sum(each))
    assert verb(monkeypatch, *asked, "--inline") == 0
    assert "small: 2 sweeps, one after the other\n  none: 3 trials of " in capsys.readouterr().out
    assert verb(monkeypatch, "plan", "r.yaml", "--cuts", "2") == 2


def test_what_is_finished_isnt_repeated(run: RunVerb, folder: Path, monkeypatch: Patch) -> None:
    assert run(*TINY) == 0
    to = folder / "runs" / "small-compare"
    table, arm = (to / "compare.csv").read_bytes(), read_records(to / "arm")
    monkeypatch.setattr(Run, "advance", None)
    assert run(*TINY) == 1
    assert run(*TINY, "--resume") == 0
    assert (to / "compare.csv").read_bytes() == table
    assert read_records(to / "arm") == arm


def test_an_interrupted_comparison_goes_on(
    run: RunVerb, folder: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    assert run(*TINY, "--to", "whole") == 0
    epochs, advance = count(1), Run.advance

    def interrupted(self: Run) -> object:
        if next(epochs) == 19:  # in the second method
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(Run, "advance", interrupted)
    assert run(*TINY, "--to", "half") == 130
    words = "armtune compare r.yaml --methods none,arm --trials 2 --seeds 2 --inline --quiet"
    assert f"  {words} --to half --resume\n" in capsys.readouterr().err
    assert (folder / "half" / "arm").exists()
    assert not (folder / "half" / "compare.csv").exists()
    assert run(*TINY, "--to", "half", "--resume") == 0
    results = [(folder / to / "compare.csv").read_bytes() for to in ("whole", "half")]
    assert results[0] == results[1]


def test_json_is_all_there_is_on_stdout(run: RunVerb, capsys: Capture) -> None:
    assert run(*TINY, "--json", "sweep.choose=highest accuracy where loss <= 0") == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["methods"]) == ["none", "arm"]
    assert found["methods"]["none"]["trials"] == 2
    said = "no trial of its front meets loss <= 0: its highest accuracy without that"
    assert f"arm: {said} was taken" in found["notes"]


def test_a_method_that_fails_doesnt_stop_the_others(
    run: RunVerb, folder: Path, monkeypatch: Patch
) -> None:
    def broken(self: Balancer, epoch: Tensor, *_: object) -> dict[str, Tensor]:
        return {"accuracy": epoch * math.nan}

    monkeypatch.setattr(Balancer, "end_epoch", broken)  # ARM has its own
    assert run(*TINY) == 0
    text = (folder / "runs" / "small-compare" / "compare.md").read_text(encoding="utf-8")
    assert "- none failed: " in text
    assert "2 of 2 trials failed" in text
    assert "| none | failed | – |" in text
    assert "| none | 2 | 0 | 0 | 2 | 4 |" in text


def test_a_method_that_lacks_a_goals_metric_says_so(run: RunVerb, folder: Path) -> None:
    goals = ("sweep.objectives=[maximize phi/image]", "sweep.choose=highest phi/image")
    assert run(*TINY, "balancing.name=arm", *goals) == 0
    text = (folder / "runs" / "small-compare" / "compare.md").read_text(encoding="utf-8")
    assert "phi/image is measured by balancing arm, not by none" in text


def test_what_is_wrong_is_told_before_anything_runs(run: RunVerb, folder: Path) -> None:
    assert run("--methods", "none,arn") == 2
    assert run("--methods", "none") == 2
    assert run() == 2
    assert run(*TINY, "--seeds", "0") == 2
    assert run(*TINY, "trainig.epochs=3") == 2
    (folder / "search_spaces" / "arm.yaml").write_text("balancing.alhpa: {fixed: 1}\n")
    assert run(*TINY) == 2
    (folder / "r.yaml").write_text(
        RECIPE.replace("  audio: {encoder: {name: mlp, width: 4}}\n", "")
    )
    assert run(*TINY) == 2
    assert not (folder / "runs").exists()


def test_the_messages_say_where_and_what(run: RunVerb, folder: Path, capsys: Capture) -> None:
    run("--methods", "none,arn")
    said = "command line --methods: 'arn' is no balancing method; did you mean 'arm'?\n"
    assert capsys.readouterr().err == said
    (folder / "search_spaces" / "arm.yaml").write_text("balancing.alhpa: {fixed: 1}\n")
    run(*TINY)
    assert capsys.readouterr().err.startswith("search_spaces/arm.yaml:1:1 balancing.alhpa: ")


def test_a_split_that_says_little_is_told(run: RunVerb, folder: Path, capsys: Capture) -> None:
    samples = {key: array[:80] for key, array in np.load("toy.npz").items()}
    np.savez("toy.npz", **samples)
    assert run(*TINY) == 0
    assert "validation holds 6 samples: scores on so few are mostly chance" in " ".join(
        capsys.readouterr().out.split()
    )


def test_each_modality_alone_stands_beside_the_methods(
    run: RunVerb, folder: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    assert run(*TINY, "--alone", "--json") == 0
    told = capsys.readouterr().out
    methods = json.loads(told)["methods"]
    assert list(methods) == ["none", "arm", "alone-image", "alone-audio", "mean-of-alone"]
    assert all(m["failure"] == "" and len(m["seeds"]) == 2 for m in methods.values())
    alone = next(iter(methods["alone-image"]["seeds"].values()))["test"]
    assert "accuracy" in alone
    assert "contribution/audio" not in alone
    mean = next(iter(methods["mean-of-alone"]["seeds"].values()))["test"]
    assert mean["missing/audio"] == alone["accuracy"]
    assert mean["contribution_gap"] >= 0
    to = folder / "runs" / "small-compare"
    rows = (to / "compare.csv").read_text(encoding="utf-8").splitlines()
    assert any(row.startswith("mean-of-alone,test,accuracy,2,") for row in rows)
    for name in ("compare.md", "compare.html"):
        assert "mean-of-alone" in (to / name).read_text(encoding="utf-8")
    assert verb(monkeypatch, "report", str(to), "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(told)
    assert verb(monkeypatch, "export", str(to), "--to", "x", "--method", "mean-of-alone") == 1
    assert "several models, each in a sweep of its own" in capsys.readouterr().err
    assert verb(monkeypatch, "export", str(to), "--to", "best", "--format", "none") == 0
    monkeypatch.setattr(Run, "advance", None)
    assert run(*TINY, "--alone", "--resume") == 0
    assert (to / "compare.csv").read_text(encoding="utf-8").splitlines() == rows


def test_the_mean_of_each_alone_is_of_each_cut(run: RunVerb, folder: Path, capsys: Capture) -> None:
    assert run(*TINY, "--alone", "--cuts", "2", "--json") == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    mean = methods["mean-of-alone"]
    assert (mean["failure"], list(mean["seeds"])) == ("", ["0", "1"])
    assert all((folder / f"runs/small-compare/cut-{k}/mean-of-alone.json").exists() for k in (0, 1))


def test_without_one_of_the_modalities_there_is_no_mean(
    run: RunVerb, folder: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    advance = Run.advance

    def broken(self: Run) -> object:
        if self.network.modalities == ("audio",):
            raise DivergedError("lost")
        return advance(self)

    monkeypatch.setattr(Run, "advance", broken)
    assert run(*TINY, "--alone", "--json") == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    assert methods["mean-of-alone"]["failure"] == "there is nothing of alone-audio"
