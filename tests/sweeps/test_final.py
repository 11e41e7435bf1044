"""What a sweep does after confirmation: a training on all data, and an ensemble."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from armtune.bundle import Predictor
from armtune.datasets._load import load_dataset
from armtune.errors import RecipeError, RunError
from armtune.export.from_run import export_trial, export_winner
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.report.page import page
from armtune.report.run import RunReport
from armtune.sweeps import SweepResult, read_result, sweep
from armtune.sweeps.study.final import folder_of, median_epochs, model_recipe, winning_model
from armtune.sweeps.study.records import Ensemble, Model
from armtune.sweeps.study.study import SweepStudy
from armtune.sweeps.workers.trial import CHECKPOINT, MODEL, OUTPUTS, Confirmation, trial_folder
from armtune.training.loop import Run

SETTINGS: dict[str, Any] = {
    "sweep.ensemble": 6,
    "sweep.refit": True,
    "sweep.confirm": {"top": 1, "seeds": 2, "solo": False},
    "sweep.objectives": ["maximize accuracy"],
    "sweep.pruner": {"name": "asha", "first_rung": 2, "startup_trials": 1},
    "sweep.choose": "lowest loss",
    "training.epochs": 4,
}


@pytest.fixture(scope="module", autouse=True)
def threads() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    """A sweep whose models are weak enough to be better together, and its folder."""
    folder = tmp_path_factory.mktemp("final")
    rng, labels = np.random.default_rng(0), np.arange(300) % 3
    centres = {"image": rng.normal(size=(3, 6)), "audio": rng.normal(size=(3, 5)) / 2}
    views = {m: c[labels] + 2 * rng.normal(size=(300, c.shape[1])) for m, c in centres.items()}
    np.savez(folder / "toy.npz", label=labels, **views)
    content = {
        "name": "toy",
        "data": {"name": "arrays", "path": str(folder / "toy.npz"), "validation": 0.2},
        "modalities": {m: {"encoder": {"name": "mlp", "width": 8}} for m in views},
        "fusion": {"name": "concat", "dim": 8},
        "training": {"batch_size": 32, "optimizer": {"name": "adamw", "lr": 0.01}},
        "sweep": {
            "space": [{"training.optimizer.lr": {"log": [1e-3, 0.1]}}],
            "trials": 6,
        },
    }
    return with_overrides(Recipe.model_validate(content), SETTINGS), folder


@pytest.fixture(scope="module")
def done(recipe: tuple[Recipe, Path]) -> SweepResult:
    return sweep(recipe[0], recipe[1] / "run", recipe[1], inline=True)


def ensemble_of(result: SweepResult) -> Ensemble:
    assert result.ensemble is not None
    return result.ensemble


def test_the_winner_is_trained_again_for_its_confirmations_epochs(
    recipe: tuple[Recipe, Path], done: SweepResult
) -> None:
    assert done.chosen is not None
    winner = winning_model(recipe[0], done)
    assert winner is not None
    ends = done.confirmed[done.chosen]
    assert winner.epochs == median_epochs(ends) == min(c.validation["epoch"] for c in ends)
    assert done.finals[winner].validation == {}
    trained = model_recipe(recipe[0], done.records[winner.number], winner)
    assert (trained.training.epochs, trained.training.refit) == (winner.epochs, True)
    # It is the training that the recipe of its bundle describes, and was tested once.
    run = Run([trained], load_dataset(trained, recipe[1]))
    while run.epochs[0] < winner.epochs:
        run.advance()
    assert run.test()[0] == pytest.approx(done.finals[winner].test, abs=1e-5)


def test_only_complete_trials_leave_what_they_say(done: SweepResult) -> None:
    states = {r.number: r.state for r in done.records}
    assert set(states.values()) == {"COMPLETE", "PRUNED"}
    for number, state in states.items():
        file = trial_folder(done.folder, number) / OUTPUTS["validation"]
        assert file.exists() == (state == "COMPLETE")


def test_models_that_are_there_need_no_checkpoint(done: SweepResult) -> None:
    for folder in ("confirm", "refit"):
        assert list((done.folder / folder).glob(f"*/{MODEL}"))
        assert not list((done.folder / folder).glob(f"*/{CHECKPOINT}"))


def test_the_ensemble_is_measured_as_one_model(
    recipe: tuple[Recipe, Path], done: SweepResult, tmp_path: Path
) -> None:
    ensemble = ensemble_of(done)
    assert ensemble.stands
    assert ensemble.weights.keys() <= done.finals.keys()
    export_winner(done.folder, tmp_path / "best", ["torch"])
    data = load_dataset(recipe[0], recipe[1])
    predictor = Predictor(tmp_path / "best")
    for metric, views in {
        "accuracy": data.test.views,
        "missing/image": {"audio": data.test.views["audio"]},
    }.items():
        right = predictor.predict(views).probabilities.argmax(1) == data.test.labels
        assert ensemble.test[metric] == pytest.approx(right.mean())
    gap = ensemble.test["contribution/image"] - ensemble.test["contribution/audio"]
    assert ensemble.test["contribution_gap"] == pytest.approx(abs(gap))


def test_what_it_decides_of_test_samples_is_shown(
    recipe: tuple[Recipe, Path], done: SweepResult, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", load_dataset(recipe[0], recipe[1])
    shutil.copytree(done.folder, run)
    shutil.rmtree(run / "best", ignore_errors=True)
    assert RunReport.read(run).judged == {}
    found = export_winner(run, run / "best", ["torch"])["outcomes"]
    told = Predictor(run / "best").predict(data.test.views).probabilities
    said, truth = told.argmax(1), data.test.labels
    counts = [[int(((truth == t) & (said == s)).sum()) for s in range(3)] for t in range(3)]
    assert found["confusion"] == counts
    assert RunReport.read(run).judged["outcomes"] == found
    samples, sure, right = zip(*found["calibration"], strict=True)
    assert sum(samples) == len(truth)
    assert np.dot(samples, sure) == pytest.approx(told.max(1).sum(), rel=1e-5)
    assert np.dot(samples, right) == pytest.approx((said == truth).sum())
    image = Predictor(run / "best").predict({"image": data.test.views["image"]})
    alone = image.probabilities.argmax(1) == truth
    both, whole, only, neither = found["alone"]["image"]
    assert (both + whole, both + only) == ((said == truth).sum(), alone.sum())
    assert (whole, both + whole + only + neither) == (((said == truth) & ~alone).sum(), len(truth))
    text = page([RunReport.read(run)])
    assert "a pair that the model mixes up. On test samples." in text
    assert "Scores by class or label, on test" in text


@pytest.mark.parametrize("wrong", ["missing", "damaged"])
def test_without_its_models_outputs_it_is_exported_all_the_same(
    wrong: str, recipe: tuple[Recipe, Path], done: SweepResult, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(done.folder, run)
    [model, *_] = ensemble_of(done).weights
    file = folder_of(run, recipe[0], model) / OUTPUTS["test"]
    file.write_bytes(b"damaged")
    if wrong == "missing":
        file.unlink()
    manifest = export_winner(run, tmp_path / "best", [])
    assert "ensemble" in manifest
    assert "outcomes" not in manifest


def test_what_it_gained_is_told(done: SweepResult, tmp_path: Path) -> None:
    ensemble = ensemble_of(done)
    export_winner(done.folder, tmp_path / "best", [])
    card = (tmp_path / "best" / "MODEL_CARD.md").read_text()
    assert "| metric | validation | test | test, on all data | ensemble, validation |" in card
    assert f"{ensemble.validation['accuracy']:.4f} | {ensemble.test['accuracy']:.4f} |" in card
    for model in ensemble.weights:
        assert f"| {model.number} | {model.seed} |" in card
    report = RunReport.read(done.folder)
    refit, drawn = report.exports
    assert (refit.exported, drawn.exported) == (False, True)
    assert drawn.as_dict()["test"]["accuracy"] == ensemble.test["accuracy"]
    assert "Exported" in [grid.title for grid in report.grids()]
    figures = f"accuracy {ensemble.validation['accuracy']:.4f} against"
    told = next(note for note in done.notes if "the ensemble beside the chosen trial" in note)
    assert figures in told
    assert f"it is exported, with {len(ensemble.weights)} model" in told


def test_a_single_trial_can_still_be_exported(
    recipe: tuple[Recipe, Path], done: SweepResult, tmp_path: Path
) -> None:
    winner = winning_model(recipe[0], done)
    assert winner is not None
    manifest = export_trial(done.folder, winner.number, tmp_path / "one", [])
    assert "ensemble" not in manifest
    told = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert told["refit"] == {"epochs": winner.epochs, "test": done.finals[winner].test}
    expected = folder_of(done.folder, recipe[0], winner) / MODEL
    assert (tmp_path / "one" / MODEL).read_bytes() == expected.read_bytes()
    card = (tmp_path / "one" / "MODEL_CARD.md").read_text()
    assert "trained on training and validation samples together" in card


def test_going_on_trains_nothing_again(recipe: tuple[Recipe, Path], done: SweepResult) -> None:
    files = sorted((done.folder / "refit").glob(f"*/{MODEL}"))
    before = [file.stat().st_mtime_ns for file in files]
    again = sweep(recipe[0], done.folder, recipe[1], inline=True, resume=True)
    assert again == done
    assert [file.stat().st_mtime_ns for file in files] == before


def test_an_interruption_between_the_last_trainings_changes_nothing(
    recipe: tuple[Recipe, Path],
    done: SweepResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    note: Callable[..., None] = SweepStudy.note_final
    calls = []

    def interrupted(study: SweepStudy, model: Model, end: Confirmation) -> None:
        calls.append(model)
        if len(calls) == 2:
            raise KeyboardInterrupt
        note(study, model, end)

    monkeypatch.setattr(SweepStudy, "note_final", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(recipe[0], tmp_path, recipe[1], inline=True)
    assert read_result(tmp_path).ensemble is None
    after = sweep(recipe[0], tmp_path, recipe[1], inline=True, resume=True)
    assert (after.finals, after.ensemble) == (done.finals, done.ensemble)


def test_without_refit_its_models_are_those_that_were_drawn(
    recipe: tuple[Recipe, Path], tmp_path: Path
) -> None:
    plain = with_overrides(recipe[0], {"sweep.refit": False})
    result = sweep(plain, tmp_path, recipe[1], inline=True)
    ensemble = ensemble_of(result)
    assert ensemble.stands
    assert not (tmp_path / "refit").exists()
    assert all(model.epochs == 0 for model in result.finals)
    export_winner(tmp_path, tmp_path / "best", ["numpy"])
    data = load_dataset(plain, recipe[1])
    told = Predictor(tmp_path / "best").predict(data.test.views).probabilities
    right = (told.argmax(1) == data.test.labels).mean()
    assert ensemble.test["accuracy"] == pytest.approx(right)


def test_a_lost_model_leaves_the_trial(
    recipe: tuple[Recipe, Path], done: SweepResult, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failed(study: SweepStudy, model: Model, end: Confirmation) -> None:
        note(study, model, Confirmation(end.seed, {}, {}, "the disk is full"))

    note: Callable[..., None] = SweepStudy.note_final
    monkeypatch.setattr(SweepStudy, "note_final", failed)
    result = sweep(recipe[0], tmp_path, recipe[1], inline=True)
    assert not ensemble_of(result).stands
    assert any("all data: the disk is full" in note for note in result.notes)
    assert "ensemble" not in export_winner(tmp_path, tmp_path / "best", [])


def test_an_ensemble_is_of_two_at_least(recipe: tuple[Recipe, Path]) -> None:
    with pytest.raises(RecipeError, match=r"sweep\.ensemble"):
        with_overrides(recipe[0], {"sweep.ensemble": 1})


@pytest.mark.parametrize("wrong", ["missing", "damaged"])
def test_a_model_that_is_gone_is_no_export_and_is_trained_anew(
    wrong: str, recipe: tuple[Recipe, Path], done: SweepResult, tmp_path: Path
) -> None:
    run, to = tmp_path / "run", tmp_path / "best"
    shutil.copytree(done.folder, run)
    [model, *_] = ensemble_of(done).weights
    file = folder_of(run, recipe[0], model) / MODEL
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    if wrong == "missing":
        file.unlink()
    with pytest.raises(RunError, match=f"{MODEL}: {wrong}; sweep again with --resume"):
        export_winner(run, to, [])
    assert not to.exists()
    sweep(recipe[0], run, recipe[1], inline=True, resume=True)
    assert file.read_bytes() == whole
    assert "ensemble" in export_winner(run, to, [])


def test_data_elsewhere_and_other_data(
    recipe: tuple[Recipe, Path], done: SweepResult, tmp_path: Path
) -> None:
    [file] = recipe[1].glob("*.npz")
    other = tmp_path / file.name
    shutil.copyfile(file, other)
    export_winner(done.folder, tmp_path / "best", [], overrides=[f"data.path={other}"])
    with np.load(file) as arrays:
        np.savez(other, **{name: array[:-30] for name, array in arrays.items()})
    with pytest.raises(RunError, match="other data"):
        export_winner(done.folder, tmp_path / "more", [], overrides=[f"data.path={other}"])
