"""References beside a real sweep: in the journal, the report and the card, and never in its way."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from armtune.api import load_run
from armtune.api import sweep as sweep_recipe
from armtune.references import FOLDER, PER_SAMPLE, RESULTS
from armtune.references.per_sample import read_per_sample, write_per_sample
from armtune.references.process import Beside, beside
from armtune.sweeps.study.reader import read_study

RECIPE = """\
name: toy
data: {name: arrays, path: toy.npz}
modalities:
  image: {encoder: {name: mlp, width: 8}}
  audio: {encoder: {name: mlp, width: 8}}
training: {epochs: 2, batch_size: 32}
sweep:
  space: [{training.optimizer.lr: {log: [0.001, 0.1]}}]
  trials: 2
  confirm: {top: 1, seeds: 2, solo: false}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = np.arange(150) % 3
    centres = {"image": rng.normal(size=(3, 6)), "audio": rng.normal(size=(3, 5)) / 2}
    views = {m: c[labels] + rng.normal(size=(150, c.shape[1])) for m, c in centres.items()}
    np.savez(tmp_path / "toy.npz", label=labels, **views)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path / "recipe.yaml"


@pytest.mark.usefixtures("with_references")
def test_a_sweep_leaves_references_and_a_verdict(recipe: Path) -> None:
    run = recipe.parent / "run"
    result = sweep_recipe(recipe, to=run, inline=True)
    known = read_study(run).references()
    assert known is not None
    assert not known.failure, (run / FOLDER / "log.txt").read_text()
    assert known.best is not None
    assert known.samples == 30
    counts = read_per_sample(run / FOLDER / PER_SAMPLE)
    assert counts[known.best.name].mean() == pytest.approx(known.best.test)
    verdict = result.report.verdict
    assert verdict[0].startswith("On test the winner")
    assert known.best.name in verdict[1]

    card = next((run / "best").glob("*.md")).read_text()
    page = (run / "report.html").read_text()
    told = result.report.as_dict()
    assert told["references"]["best"] == known.best.name
    assert told["verdict"] == list(verdict)
    for shown in (card, page):
        assert verdict[0] in shown
        assert known.best.name in shown
    assert page.index(verdict[0]) < page.index("Data: ")
    # A resumed sweep doesn't measure them again.
    before = (run / FOLDER / RESULTS).stat().st_mtime_ns
    sweep_recipe(recipe, {"sweep.trials": 3}, to=run, inline=True, resume=True)
    assert (run / FOLDER / RESULTS).stat().st_mtime_ns == before
    assert load_run(run).report.references == known


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("name: [")
    process = Beside(tmp_path / "recipe.yaml")
    found = process.finish()
    assert found.best is None
    assert found.failure


def test_it_ends_with_the_sweep(recipe: Path) -> None:
    began = time.monotonic()
    process = None

    def interrupted() -> None:
        nonlocal process
        with beside(recipe, wanted=True) as process:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert process is not None
    assert process._process.returncode is not None
    assert time.monotonic() - began < 10
    with beside(recipe, wanted=False) as none:
        assert none is None


def test_files_of_what_samples_count(tmp_path: Path) -> None:
    arrays = {"a/b, c": np.array([0.0, 1.0]), "d": np.array([0.5, 0.25])}
    write_per_sample(tmp_path / "x.npz", arrays)
    found = read_per_sample(tmp_path / "x.npz")
    assert list(found) == list(arrays)
    np.testing.assert_array_equal(found["d"], arrays["d"])
    assert read_per_sample(tmp_path / "none.npz") == {}
    (tmp_path / "bad.npz").write_text(json.dumps({}))
    assert read_per_sample(tmp_path / "bad.npz") == {}
