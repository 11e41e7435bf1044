"""What armtune wrote before its files were moved to packages, in November 2026, still reads.

``data/earlier_run`` and ``data/earlier_bundle`` were written by commit c189dfa; the JSON files
beside them are what that commit said of them. Only paths and names of machines were taken out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import armtune
from armtune.bundle import predictor
from armtune.cli import app
from armtune.datasets._load import load_dataset
from armtune.recipe.load import load_recipe
from armtune.sweeps.workers.trial import CHECKPOINT, trial_folder
from armtune.training.loop import Run

DATA = Path(__file__).parent / "data"
RUN, BUNDLE = DATA / "earlier_run", DATA / "earlier_bundle"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A copy, since a sweep that goes on writes to it."""
    return Path(shutil.copytree(RUN, tmp_path / "run"))


@pytest.fixture(autouse=True)
def threads() -> Any:
    """A sweep in this process sets the number of torch's threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def said(*arguments: str) -> str:
    found = CliRunner().invoke(app(), arguments, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def parsed(text: str) -> Any:
    """JSON, up to what another machine rounds differently."""
    return json.loads(text, parse_float=lambda number: round(float(number), 9))


def expected(name: str) -> Any:
    return parsed((DATA / name).read_text(encoding="utf-8"))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_run_is_read() -> None:
    result = armtune.load_run(RUN)
    assert list(result.trials["state"]) == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert list(result.trials["epochs"]) == [3, 3, 1]
    assert list(result.front.index) == [0, 1]
    assert result.chosen == 1
    assert list(result.confirmed.index) == [(1, 1000), (1, 1001)]


def test_status_and_report_say_what_they_said(run: Path) -> None:
    for verb in ("status", "report"):
        then, now = expected(f"earlier_run_{verb}.json"), parsed(said(verb, str(run), "--json"))
        # What has been measured and told since then comes on top.
        assert {key: now[key] for key in then} == then


def test_a_sweep_that_was_finished_is_finished(run: Path) -> None:
    before = digests(run)
    result = armtune.sweep(run / "recipe.yaml", to=run, resume=True, inline=True)
    assert result.chosen == 1
    then, report = expected("earlier_run_report.json"), parsed(json.dumps(result.report.as_dict()))
    assert {key: report[key] for key in then} == then
    now = digests(run)
    trained = [name for name in before if name.startswith(("trials/", "confirm/"))]
    assert {name: now[name] for name in trained} == {name: before[name] for name in trained}


def test_a_sweep_goes_on_with_more_trials(run: Path) -> None:
    more = {"sweep.trials": 4, "sweep.confirm": None}
    result = armtune.sweep(run / "recipe.yaml", more, to=run, resume=True, inline=True)
    assert list(result.trials.index) == [0, 1, 2, 3]
    then = armtune.load_run(RUN).trials
    # Later trials also measure what there was no metric for.
    assert result.trials.loc[:2, then.columns].equals(then)


def test_a_checkpoint_is_restored() -> None:
    own = trial_folder(RUN, 1)
    recipe = load_recipe(own / "recipe.yaml")
    training = Run([recipe], load_dataset(recipe, RUN))
    training.restore(own / CHECKPOINT, unsigned=True)
    assert training.epochs == [3]
    assert training.best == [armtune.load_run(RUN).report.records[1].metrics]


@pytest.mark.parametrize("numpy_up_to", [predictor.FEW, 0], ids=["numpy", "torch"])
@pytest.mark.parametrize("present", ["both", "image alone"])
def test_a_bundle_predicts_what_it_predicted(
    present: str, numpy_up_to: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "FEW", numpy_up_to)
    known = expected("earlier_bundle_predictions.json")
    samples = {m: np.asarray(view, np.float32) for m, view in known["samples"].items()}
    if present != "both":
        del samples["audio"]
    model = armtune.load_bundle(BUNDLE)
    assert model.predict(samples).probabilities == pytest.approx(np.array(known[present]), abs=1e-6)
    assert model.target.names == ("cat", "dog", "owl")
