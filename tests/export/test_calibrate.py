"""Bundles whose probabilities were calibrated, in every format."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from armtune.bundle import Predictor
from armtune.bundle.manifest import CARD, CHECKSUM, MANIFEST, checksum
from armtune.data import Dataset
from armtune.data.folding import folded
from armtune.errors import RunError
from armtune.export.calibrate import calibrated
from armtune.export.held_out import HeldOut, anothers
from armtune.export.robustness import robustness
from armtune.export.write import write_bundle
from armtune.recipe.load import with_overrides
from armtune.targets.values import Values
from armtune.testing.toys import toy_dataset, toy_labels
from armtune.training.loop import Run, train
from armtune.training.schedule import begin


def test_every_format_serves_it_and_says_the_same_classes(
    run: Run, weights: Path, whole: Path, dataset: Dataset, tmp_path: Path
) -> None:
    recipe, metrics = run.recipes[0], {"validation": run.best[0]}
    warm = tmp_path / "warm"
    about = write_bundle(
        warm, recipe, weights, dataset, run.scales, metrics, ("numpy", "torch", "onnx"),
        judge=(recipe, weights),
    )  # fmt: skip
    temperature = about["calibration"]["temperature"]
    assert temperature != 1
    assert about["target"]["temperature"] == temperature
    assert all(f["largest_difference"] < 1e-5 for f in about["formats"].values())
    assert about["calibration"]["after"]["loss"] < about["calibration"]["before"]["loss"]
    assert about["calibration"]["before"]["loss"] == pytest.approx(run.best[0]["loss"], abs=1e-5)
    views = dataset.test.views
    cold, found = Predictor(whole).predict(views), Predictor(warm).predict(views)
    assert found.names == cold.names  # type: ignore[attr-defined]
    power = cold.probabilities ** (1 / temperature)  # type: ignore[attr-defined]
    expected = power / power.sum(1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)  # type: ignore[attr-defined]
    assert "divided by a temperature of" in (warm / CARD).read_text(encoding="utf-8")


def test_thresholds_of_labels_are_kept_in_all_that_says_labels(tmp_path: Path, run: Run) -> None:
    dataset = toy_labels()
    recipe = with_overrides(run.recipes[0], {"balancing": {"name": "none"}})
    trained = Run([recipe], dataset)
    train(trained, lambda *_: None)
    trained.save_model(model := tmp_path / "m.safetensors")
    best = tmp_path / "best"
    about = write_bundle(
        best, recipe, model, dataset, trained.scales, {"validation": trained.best[0]},
        judge=(recipe, model),
    )  # fmt: skip
    bounds = about["target"]["thresholds"]
    assert len(bounds) == 3
    told = Predictor(best).predict(dataset.test.views)
    expected = told.probabilities > np.array(bounds, np.float32)  # type: ignore[attr-defined]
    assert (told.labels == expected).all()  # type: ignore[attr-defined]
    np.savez(tmp_path / "x.npz", **dataset.test.views)
    done = subprocess.run(
        [sys.executable, str(best / "predict.py"), str(tmp_path / "x.npz")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["labels"].split(";") for row in rows] == [n or [""] for n in told.names]  # type: ignore[attr-defined]
    score = about["calibration"]
    assert score["after"]["micro_f1"] >= score["before"]["micro_f1"] - 0.02


def test_of_folds_it_is_fitted_on_what_they_held_out(tmp_path: Path, run: Run) -> None:
    dataset = folded(toy_dataset(), 3)
    recipe = with_overrides(run.recipes[0], {"training.epochs": 2, "training.folds": 3})
    trained = begin([recipe], dataset)
    train(trained, lambda *_: None)
    trained.save_model(model := tmp_path / "m.safetensors")
    about = write_bundle(
        tmp_path / "best", recipe, model, dataset, trained.scales, {"validation": trained.best[0]},
        ("torch",), judge=(recipe, model),
    )  # fmt: skip
    assert about["calibration"]["samples"] == len(dataset.train) + len(dataset.validation)
    before = about["calibration"]["before"]
    assert before["loss"] == pytest.approx(trained.best[0]["loss"], abs=1e-5)
    assert before["accuracy"] == pytest.approx(trained.best[0]["accuracy"], abs=1e-6)


@pytest.mark.parametrize(
    ("key", "value"), [("temperature", 0), ("temperature", "1"), ("thresholds", [0.5])]
)
def test_what_is_no_calibration_is_refused(bundle: Path, key: str, value: object) -> None:
    path = bundle / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["target"][key] = value
    manifest[CHECKSUM] = checksum(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(RunError, match="its target"):
        Predictor(bundle)


def test_values_have_none(run: Run, weights: Path, dataset: Dataset) -> None:
    held = HeldOut(run.recipes[0], weights, dataset)
    target = Values(("v",))
    assert calibrated(target, held.labels, held.outputs()) == (target, {})


def test_what_fails_is_measured_on_what_wasnt_learnt(
    run: Run, weights: Path, dataset: Dataset
) -> None:
    held = HeldOut(run.recipes[0], weights, dataset)
    outputs = held.outputs()
    assert held.score(outputs) == pytest.approx(run.best[0]["accuracy"])
    found = robustness(run.recipes[0], held, outputs, 0.0)
    assert found["intact"] == held.score(outputs)
    for scores in found["modalities"].values():
        assert scores.keys() == {"noise", "another"}
    # The image tells more of these data than the audio does.
    assert found["modalities"]["image"]["another"] < found["intact"] - 0.1
    assert torch.equal(held.outputs("image", lambda view, _: view), outputs)
    assert robustness(run.recipes[0], held, outputs, 60.0) == {}


@pytest.mark.parametrize("axis", [0, 1])
def test_another_samples_is_whole(axis: int) -> None:
    view = torch.arange(24.0).view(4, 3, 2) if axis == 0 else torch.arange(24.0).view(2, 4, 3)
    rolled = anothers(view, axis).unbind(axis)
    given = view.unbind(axis)
    assert {tuple(part.flatten().tolist()) for part in rolled} == {
        tuple(part.flatten().tolist()) for part in given
    }
    assert not any(torch.equal(one, other) for one, other in zip(given, rolled, strict=True))
