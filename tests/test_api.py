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
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import armtune
from armtune.bundle.manifest import checksum
from armtune.bundle.serving import load_served
from armtune.comparison.read import read_comparison
from armtune.errors import RecipeError, RunError
from armtune.recipe.document import read_value
from armtune.sweeps import Listener

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
    assert result.confirmed.index.tolist() == [(result.chosen, 1000), (result.chosen, 1001)]
    assert result.confirmed.index.names == ["trial", "seed"]
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


def test_a_result_is_found_from_any_folder(
    result: armtune.Result, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(result.folder.parent)
    again = armtune.load_run("run")
    monkeypatch.chdir(tmp_path)
    assert again.best == result.best
    assert repr(again).startswith("<armtune.Result of run: 3 complete.")


def test_errors_are_the_same_as_in_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no such file"):
        armtune.load_recipe(tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match=r"training\.epochs: needs a whole number of at least 1"):
        armtune.load_recipe(ROOT / "recipes" / "avmnist.yaml", {"training.epochs": 0})
    with pytest.raises(RunError, match="there is no sweep here"):
        armtune.load_run(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        armtune.swep  # noqa: B018


def test_errors_say_what_to_pass(result: armtune.Result, tmp_path: Path) -> None:
    recipe = result.folder / "recipe.yaml"
    with pytest.raises(RunError, match=r"already: pass resume=True to go on, or remove it"):
        armtune.sweep(recipe, to=result.folder, inline=True)
    (tmp_path / "trials").mkdir()
    with pytest.raises(RunError, match=r"name an empty or new folder with to=$"):
        armtune.sweep(recipe, to=tmp_path, inline=True)
    (tmp_path / "own.yaml").write_text("")
    with pytest.raises(RunError, match=r"another name can be given with to=$"):
        armtune.init(result.folder.parent / "own.npz", to=tmp_path / "own.yaml")


def test_every_place_of_a_fault_is_called_as_in_python(result: armtune.Result) -> None:
    recipe = result.folder / "recipe.yaml"
    with pytest.raises(RecipeError, match=r"^overrides training\.epochs: needs") as caught:
        armtune.load_recipe(recipe, {"training.epochs": 0})
    assert caught.value.faults[0].file == "overrides"
    with pytest.raises(RecipeError, match=r"^methods: 'nonne' is no balancing method"):
        armtune.compare(recipe, "nonne")
    with pytest.raises(RecipeError, match=r"^example: no shipped recipe is called 'x'"):
        armtune.init(example="x")


def test_what_looks_at_a_run_names_code_as_in_python(
    result: armtune.Result, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(result.folder, run)
    recipe = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(recipe.replace("plugins: []", "plugins: [own.py]"))
    (run / "own.py").write_text("")
    said = " ".join(armtune.load_run(run).notes)
    assert f'if you trust it, call armtune.load_plugins("{run / "own.py"}")' in said
    with pytest.raises(RecipeError, match=r'pass overrides={"plugins": \["'):
        armtune.load_recipe(run / "recipe.yaml")


@pytest.mark.parametrize("given", [".", "", Path()])
def test_the_current_folder_is_no_recipe(given: Any) -> None:
    with pytest.raises(RecipeError, match=r"^\.: is a folder; name the YAML file in it$"):
        armtune.load_recipe(given)


def test_overrides_take_what_a_recipe_of_plain_data_takes(result: armtune.Result) -> None:
    data = {"data.path": result.folder.parent / "own.npz", "training.epochs": np.int64(4)}
    assert armtune.load_recipe(as_data(result.folder.parent), data).training.epochs == 4
    with pytest.raises(RecipeError, match=r"^overrides: holds what is no plain data: .*object"):
        armtune.load_recipe(as_data(result.folder.parent), {"name": object()})
    with pytest.raises(RecipeError, match=r"^overrides: needs \{path: value\}, not a value of"):
        armtune.load_recipe(as_data(result.folder.parent), ["training.epochs=4"])  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [[5], [Listener], Listener(), None])
def test_what_is_no_listener_is_refused_before_anything_is_written(
    result: armtune.Result, tmp_path: Path, given: Any
) -> None:
    with pytest.raises(TypeError, match=r"^listeners: needs a list of instances of armtune"):
        armtune.sweep(result.folder / "recipe.yaml", to=tmp_path / "run", listeners=given)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["trials", "seeds", "cuts"])
@pytest.mark.parametrize("value", [0, -1, "2", 1.5, True])
def test_numbers_of_a_comparison_are_checked(result: armtune.Result, name: str, value: Any) -> None:
    said = rf"^{name}: needs a whole number of at least 1, not {value!r}$"
    with pytest.raises(RecipeError, match=said):
        armtune.compare(result.folder / "recipe.yaml", "none,arm", **{name: value})
    with pytest.raises(RecipeError, match=r"^cuts: can be 1000 at most, not 1001$"):
        armtune.compare(result.folder / "recipe.yaml", "none,arm", cuts=1001)


def test_methods_that_are_no_names_are_told(result: armtune.Result) -> None:
    with pytest.raises(RecipeError, match=r"^methods: 'None' is no balancing method"):
        armtune.compare(result.folder / "recipe.yaml", ["none", None])  # type: ignore[list-item]
    with pytest.raises(RecipeError, match=r"^methods: needs names such as .* of type int$"):
        armtune.compare(result.folder / "recipe.yaml", 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["label", "target", "encoding", "example"])
def test_what_is_no_text_is_told_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: needs a text, not a value of type int$"):
        armtune.init("mine.csv", **{name: 5})  # type: ignore[arg-type]


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


def as_data(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = read_value(RECIPE, "RECIPE")
    content["data"]["path"] = folder / "own.npz"
    content["training"]["epochs"] = np.int64(2)
    return content


def test_a_recipe_may_be_plain_data_or_an_object(result: armtune.Result) -> None:
    content = as_data(result.folder.parent)
    read = armtune.load_recipe(content, {"sweep.trials": 2})
    assert (read.name, read.sweep.trials, read.training.epochs) == ("own", 2, 2)
    assert armtune.load_recipe(read) == read
    changed = armtune.load_recipe(read, {"modalities.*.encoder.width": 5})
    assert {m.encoder.width for m in changed.modalities.values()} == {5}  # type: ignore[attr-defined]


def test_faults_of_plain_data_say_where_without_a_line(result: armtune.Result) -> None:
    content = as_data(result.folder.parent)
    with pytest.raises(RecipeError) as caught:
        armtune.load_recipe({**content, "training": {"epohs": 2}})
    assert str(caught.value).startswith("the recipe training.epohs: ")
    with pytest.raises(RecipeError, match="the recipe: holds what is no plain data"):
        armtune.load_recipe({**content, "name": object()})
    with pytest.raises(RecipeError, match=r"^the recipe: needs a path, .* not a value of type int"):
        armtune.load_recipe(5)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match=r"^the recipe modalities"):
        armtune.compare({**content, "modalities": {"a": content["modalities"]["a"]}}, "none,arm")


def test_a_run_of_plain_data_is_that_of_the_file(result: armtune.Result, tmp_path: Path) -> None:
    content = {**as_data(result.folder.parent)}
    changes = {"training.epochs": 3, "modalities.*.encoder.width": 6}
    again = armtune.sweep(content, changes, to=tmp_path / "run", inline=True)
    assert again.trials["accuracy"].tolist() == result.trials["accuracy"].tolist()


def test_a_result_shows_itself(result: armtune.Result) -> None:
    shown = repr(result)
    assert shown.startswith(f"<armtune.Result of {result.folder}: 3 complete. On test the winner")
    assert len(shown) < 500
    stopped = replace(result, report=replace(result.report, verdict=()))
    assert repr(stopped).endswith(f"★ Trial {result.chosen} chosen ({result.report.rule})>")
    page = result._repr_html_()
    assert page.startswith("<h3>own</h3>\n<p>On test the winner")
    assert "<table>" in page


def test_predicting_in_a_call(result: armtune.Result, tmp_path: Path) -> None:
    assert result.best is not None
    views = {m: np.random.default_rng(1).normal(size=(5, 4)) for m in "ab"}
    np.savez(tmp_path / "x.npz", **views)
    expected = armtune.load_bundle(result.best).predict(views).names  # type: ignore[attr-defined]
    assert armtune.predict(result.best, {m: v.tolist() for m, v in views.items()}).names == expected  # type: ignore[attr-defined]
    assert armtune.predict(result.best, tmp_path / "x.npz").names == expected  # type: ignore[attr-defined]


def test_comparing_in_a_call_is_what_the_verb_does(result: armtune.Result, tmp_path: Path) -> None:
    content = as_data(result.folder.parent)
    found = armtune.compare(
        content, ["none", "auxiliary"], {"training.epochs": 1}, trials=1, seeds=1,
        to=tmp_path / "both", inline=True,
    )  # fmt: skip
    assert [outcome.method for outcome in found.outcomes] == ["none", "auxiliary"]
    assert (tmp_path / "both" / "compare.csv").is_file()
    assert repr(found).startswith("<Comparison of own: none 0.")
    assert len(repr(found)) < 200
    read = read_comparison(tmp_path / "both")
    assert [o.values("test", "accuracy") for o in read.outcomes] == [
        o.values("test", "accuracy") for o in found.outcomes
    ]


def test_drafting_in_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{k},{k % 5},{'ab'[k % 2]}" for k in range(60))
    Path("mine.csv").write_text(f"one,two,label\n{rows}\n", encoding="utf-8")
    file = armtune.init("mine.csv")
    assert file == Path("mine.yaml")
    assert armtune.load_recipe(file).data.name == "table"
    with pytest.raises(RunError, match="is there already"):
        armtune.init("mine.csv")
    with pytest.raises(TypeError, match="either data or example"):
        armtune.init()
    assert armtune.init(example="avmnist", to="copied").parent == Path("copied")
