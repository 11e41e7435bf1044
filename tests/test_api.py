"""``import armtune`` in Python: light at first, then sweeps, frames and predictors."""

from __future__ import annotations

import hashlib
import inspect
import json
import pydoc
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import armtune
from armtune.bundle.manifest import checksum
from armtune.bundle.serving import load_served
from armtune.errors import RecipeError, RunError

ROOT = Path(__file__).parents[1]
RECIPE = """\
name: own
data: {name: arrays, path: own.npz}
modalities:
  a: {encoder: {name: mlp, width: 4}}
  b: {encoder: {name: mlp, width: 4}}
training: {epochs: 2, batch_size: 8}
sweep:
  space: [{training.optimizer.lr: {log: [1e-3, 1e-1]}}]
  objectives: [maximize accuracy, minimize contribution_gap]
  trials: 3
  confirm: {top: 1, seeds: 2, solo: false}
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> armtune.Result:
    folder = tmp_path_factory.mktemp("own")
    draw, label = np.random.default_rng(0), np.arange(120) % 3
    views = {m: label[:, None] + draw.normal(size=(120, 4)) for m in "ab"}
    np.savez(folder / "own.npz", label=label, **views)
    (folder / "r.yaml").write_text(RECIPE)
    overrides = {"training.epochs": 3, "modalities.*.encoder.width": 6}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARMTUNE_CACHE", str(folder / "cache"))
        return armtune.sweep(folder / "r.yaml", overrides, to=folder / "run", inline=True)


def test_results_are_frames(result: armtune.Result) -> None:
    assert list(result.trials.index) == [0, 1, 2]
    assert list(result.trials["state"]) == ["COMPLETE"] * 3
    assert list(result.trials["epochs"]) == [3] * 3
    assert result.trials["training.optimizer.lr"].between(1e-3, 1e-1).all()
    assert set(result.front.index) <= {0, 1, 2}
    assert result.chosen in result.front.index
    assert result.confirmed.index.tolist() == [(result.chosen, 0), (result.chosen, 1)]
    assert "test/accuracy" in result.confirmed.columns


def test_overrides_reach_the_recipe(result: armtune.Result) -> None:
    recipe = result.report.recipe
    assert [m.encoder.model_dump()["width"] for m in recipe.modalities.values()] == [6, 6]


def test_the_winner_predicts_and_the_report_is_there(result: armtune.Result) -> None:
    assert result.best is not None
    predictor = armtune.load_bundle(result.best)
    assert predictor.predict({"a": np.zeros((2, 4))}).probabilities.shape == (2, 3)
    assert (result.folder / "report.html").stat().st_size > 1e6


def test_a_run_can_be_read_again(result: armtune.Result) -> None:
    again = armtune.load_run(str(result.folder))
    assert again.trials.equals(result.trials)
    assert again.chosen == result.chosen


def test_errors_are_the_same_as_in_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no such file"):
        armtune.load_recipe(tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match=r"training\.epochs: needs a whole number of at least 1"):
        armtune.load_recipe(ROOT / "recipes" / "avmnist.yaml", {"training.epochs": 0})
    with pytest.raises(RunError, match="there is no sweep here"):
        armtune.load_run(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        armtune.swep  # noqa: B018


def test_a_bundle_never_runs_the_files_that_it_names(
    result: armtune.Result, tmp_path: Path
) -> None:
    assert result.best is not None
    bundle, ran = tmp_path / "bundle", tmp_path / "ran"
    shutil.copytree(result.best, bundle)
    (bundle / "evil.py").write_text(f"import pathlib; pathlib.Path({str(ran)!r}).touch()")
    recipe = (bundle / "recipe.yaml").read_text().replace("plugins: []", "plugins: [evil.py]")
    (bundle / "recipe.yaml").write_text(recipe)
    manifest = json.loads((bundle / "bundle.json").read_text())
    manifest["sha256"]["recipe.yaml"] = hashlib.sha256(recipe.encode()).hexdigest()
    manifest["checksum"] = checksum(manifest)
    (bundle / "bundle.json").write_text(json.dumps(manifest))
    with suppress(RecipeError):
        armtune.load_bundle(bundle).predict({"a": np.zeros((2, 4))})
    with pytest.raises(RecipeError, match=r"evil\.py is code, which isn't run unasked"):
        load_served(bundle, {"a": (4,), "b": (4,)}, 3)
    assert not ran.exists()


def test_sweep_is_a_plain_function_with_its_own_signature() -> None:
    assert inspect.isfunction(armtune.sweep)
    assert list(inspect.signature(armtune.sweep).parameters)[:2] == ["recipe", "overrides"]
    assert "overrides" in pydoc.render_doc(armtune.sweep)


def test_importing_it_imports_nothing_slow() -> None:
    heavy = ["torch", "ray", "optuna", "pandas", "plotly", "pydantic", "numpy"]
    code = f"import armtune, sys; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
