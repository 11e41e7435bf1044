"""A table's empty cells are filled in prediction as they were in training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armtune.bundle import Predictor
from armtune.datasets._load import load_dataset
from armtune.errors import DataError
from armtune.export.write import write_bundle
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train

NAMES = ["a1", "a2", "a3", "b1", "b2"]


def bundle(folder: Path, **options: Any) -> Path:
    """A model of a table in which every seventh cell is empty; its training means aren't 0."""
    rng = np.random.default_rng(0)
    cells = [[f"{x:.6f}" for x in row] for row in rng.normal(5, 2, size=(90, 5))]
    for k in range(0, 450, 7):
        cells[k // 5][k % 5] = "" if options["missing"] == "mean" else "0"
    lines = [",".join([*row, "cat" if k % 2 else "dog"]) for k, row in enumerate(cells)]
    (folder / "own.csv").write_text("\n".join([",".join([*NAMES, "label"]), *lines]))
    data = {"name": "table", "path": "own.csv", "columns": {"a": ["a*"], "b": ["b*"]}, **options}
    modalities = {m: {"encoder": {"name": "mlp", "width": 4}} for m in "ab"}
    recipe = Recipe.model_validate(
        {"name": "t", "data": data, "modalities": modalities, "training": {"epochs": 1, "folds": 1}}
    )
    run = Run([recipe], load_dataset(recipe, folder))
    train(run, lambda *_: None)
    run.save_model(folder / "model")
    metrics = {"validation": run.best[0]}
    to = folder / "best"
    write_bundle(to, recipe, folder / "model", run.dataset, run.scales, metrics)
    return to


def samples() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"a": rng.normal(5, 2, (4, 3)), "b": rng.normal(5, 2, (4, 2))}


def test_empty_cells_are_the_training_means(tmp_path: Path) -> None:
    best, given, filled = bundle(tmp_path, missing="mean"), samples(), samples()
    means = json.loads((best / "bundle.json").read_text())["fills"]["means"]
    given["a"][0, 1], given["a"][2], given["b"][3, 0] = np.nan, np.nan, np.nan
    filled["a"][0, 1], filled["a"][2], filled["b"][3, 0] = means["a"][1], means["a"], means["b"][0]
    assert 3 < means["a"][1] < 7
    predictor = Predictor(best)
    expected = predictor.predict(filled).probabilities  # type: ignore[attr-defined]
    found = predictor.predict(given).probabilities  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.savez(tmp_path / "given.npz", **given)
    command = [sys.executable, str(best / "predict.py"), str(tmp_path / "given.npz")]
    alone = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(",")[2:] for line in alone.splitlines()[1:]]
    np.testing.assert_allclose(np.array(rows, float), expected, atol=1e-5)


def test_a_sample_that_is_kept_without_a_modality_is_not_filled(tmp_path: Path) -> None:
    best, given = bundle(tmp_path, missing="mean", absent="keep"), samples()
    given["a"][2] = np.nan
    found = Predictor(best).predict(given).probabilities  # type: ignore[attr-defined]
    without = Predictor(best).predict({"b": given["b"]}).probabilities  # type: ignore[attr-defined]
    np.testing.assert_allclose(found[2], without[2], atol=1e-6)


def test_where_nothing_was_filled_an_empty_cell_is_an_error(tmp_path: Path) -> None:
    best, given = bundle(tmp_path, missing="error"), samples()
    given["a"][0, 1] = np.nan
    with pytest.raises(DataError, match="a: sample 0 holds NaN"):
        Predictor(best).predict(given)
