"""What an exported ensemble serves: probabilities and thresholds by validation samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

import armtune

COUNT = 240


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep on two labels, one of them rare, whose ensemble is exported."""
    folder = tmp_path_factory.mktemp("ensemble")
    draw = np.random.default_rng(0)
    views = {m: draw.normal(size=(COUNT, 4)) for m in "ab"}
    hidden = views["a"][:, 0] + views["b"][:, 0] + draw.normal(size=COUNT)
    split = np.repeat(["train", "validation", "test"], COUNT // 3)
    labels = np.stack([hidden > 0, hidden > 1.6], axis=1).astype(int)
    np.savez(folder / "own.npz", **views, label=labels, split=split)
    recipe = {
        "name": "own",
        "data": {"name": "arrays", "path": str(folder / "own.npz"), "target": "labels"},
        "modalities": {m: {"encoder": {"name": "mlp", "width": 4}} for m in views},
        "training": {"epochs": 3, "batch_size": 16, "folds": 1},
        "sweep": {
            "space": [{"training.optimizer.lr": {"log": [1e-3, 1e-1]}}], "trials": 3,
            "objectives": ["minimize loss"], "ensemble": 3, "references": False,
            "confirm": {"top": 1, "seeds": 1, "solo": False},
        },
    }  # fmt: skip
    return armtune.sweep(recipe, to=folder / "run", inline=True).folder


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "best/bundle.json").read_text(encoding="utf-8"))
    assert "ensemble" in found
    return found


def test_it_has_thresholds_of_labels_by_validation_samples(run: Path) -> None:
    told, bundle = manifest(run), armtune.load_bundle(run / "best")
    with np.load(run.parent / "own.npz") as file:
        rows = file["split"] == "validation"
        found = bundle.predict({m: file[m][rows] for m in "ab"})
        truth = file["label"][rows]
    bounds = np.array(told["target"]["thresholds"], np.float32)
    assert (found.labels == (found.probabilities > bounds)).all()
    for k in range(2):
        halves = f1_score(truth[:, k], found.probabilities[:, k] > 0.5)
        assert f1_score(truth[:, k], found.labels[:, k]) >= halves
    assert told["calibration"]["samples"] == len(truth)
    assert told["calibration"]["after"]["loss"] <= told["calibration"]["before"]["loss"]


def test_the_card_tells_of_them(run: Path) -> None:
    card = (run / "best/MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Thresholds of labels, fitted on the same samples" in card
    assert "The same samples set what each model of the ensemble counts." in card
