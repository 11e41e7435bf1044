"""One trained toy model and its bundle in every format, which tests must not change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from armtune.bundle.manifest import MODEL
from armtune.data import Dataset
from armtune.export.write import write_bundle
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train
from tests.conftest import toy_dataset, toy_recipe


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return toy_dataset()


@pytest.fixture(scope="session")
def run(dataset: Dataset) -> Run:
    balancing = {"name": "arm", "tau": 1.0, "warmup_epochs": 0}
    content = toy_recipe(balancing=balancing).model_dump()
    content["modalities"]["image"]["encoder"] = {"name": "lenet", "width": 2, "features": 8}
    run = Run([Recipe.model_validate(content)], dataset)
    train(run, lambda *_: None)
    return run


@pytest.fixture(scope="session")
def weights(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / MODEL
    run.save_model(path)
    return path


@pytest.fixture(scope="session")
def whole(
    run: Run, weights: Path, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The bundle with numpy and torch; read it, change a copy."""
    folder = tmp_path_factory.mktemp("whole") / "best"
    write_bundle(folder, run.recipes[0], weights, dataset, run.scales, {"validation": run.best[0]})
    return folder


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(whole, tmp_path / "best"))
