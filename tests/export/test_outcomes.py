"""What a bundle's manifest tells of decisions, beside what the bundle itself predicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from armtune.bundle import Predictor
from armtune.data import Dataset
from armtune.export.write import write_bundle
from armtune.recipe.load import with_overrides
from armtune.testing.toys import TOYS
from armtune.training.loop import Run, train


def test_it_counts_what_the_bundle_says_with_one_modality(
    run: Run, weights: Path, dataset: Dataset, tmp_path: Path
) -> None:
    recipe, best = run.recipes[0], tmp_path / "best"
    about = write_bundle(
        best, recipe, weights, dataset, run.scales, {"validation": run.best[0]}, ("torch",),
        judge=(recipe, weights),
    )  # fmt: skip
    views, truth = dataset.validation.views, dataset.validation.labels
    told = [{"image": views["image"]}, {"audio": views["audio"]}]
    whole, image, audio = (
        np.array(Predictor(best).predict(given).probabilities.argmax(1) == truth)  # type: ignore[attr-defined]
        for given in (views, *told)
    )
    expected = {
        m: [int(n.sum()) for n in (whole & own, whole & ~own, ~whole & own, ~whole & ~own)]
        for m, own in {"image": image, "audio": audio}.items()
    }
    assert about["outcomes"]["alone"] == expected
    assert expected["image"] != expected["audio"]


def test_residuals_are_those_of_what_the_bundle_says(run: Run, tmp_path: Path) -> None:
    dataset, best = TOYS["values"](), tmp_path / "best"
    recipe = with_overrides(run.recipes[0], {"balancing": {"name": "none"}})
    trained = Run([recipe], dataset)
    train(trained, lambda *_: None)
    trained.save_model(model := tmp_path / "m.safetensors")
    about = write_bundle(
        best, recipe, model, dataset, trained.scales, {"validation": trained.best[0]}, ("torch",),
        judge=(recipe, model),
    )  # fmt: skip
    truth = dataset.validation.labels
    told = Predictor(best).predict(dataset.validation.views).values  # type: ignore[attr-defined]
    errors = told.astype(np.float64) - truth
    [[mean, std, half, most]] = about["outcomes"]["spreads"]
    assert (mean, std) == pytest.approx((errors.mean(), errors.std()), abs=1e-4)
    assert mean**2 + std**2 == pytest.approx(trained.best[0]["rmse"] ** 2, rel=1e-4)
    assert [half, most] == pytest.approx(np.quantile(abs(errors), [0.5, 0.9]), abs=1e-4)
    [[true, said]] = about["outcomes"]["points"]
    assert true == pytest.approx(truth, rel=1e-5)
    assert said == pytest.approx(told, rel=1e-4, abs=1e-4)
