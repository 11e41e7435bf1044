"""A bundle of several models of different programs: one file a format, as one model's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from armtune.bundle import Predictor, formats
from armtune.bundle.manifest import MANIFEST
from armtune.bundle.serving import load_served
from armtune.data import Dataset
from armtune.errors import RunError
from armtune.export.write import Models, write_bundle, write_models
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.targets import Discrete
from armtune.testing.toys import TOYS
from armtune.training.evaluation import all_outputs
from armtune.training.loop import Run, train
from tests.conftest import TWO, toy_recipe
from tests.export.test_write import check_alone

WEIGHTS = np.random.default_rng(0).random((3, 4, 3)).round(2)
"""What each model's outputs count: for no modality, image, audio and both, the fused decision's
weight, then each head's."""
WEIGHTS[:, [0, 2], 1] = WEIGHTS[:, [0, 1], 2] = 0  # heads of what isn't there


def recipes(kind: str) -> list[Recipe]:
    """Three models: two share their encoders, of which one convolves, and one is of its own."""
    image = {"modalities.image.encoder": {"name": "lenet", "width": 2, "features": 8}}
    first = with_overrides(toy_recipe(target=kind), image)
    second = with_overrides(first, {"training.seed": 1})
    return [first, second, with_overrides(toy_recipe(target=kind), {"fusion.name": "late"})]


@pytest.fixture(scope="module", params=list(TOYS))
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Dataset, list[Run], Path]:
    """The data, the models' trainings, and a folder with the bundle and one of each model."""
    dataset, folder = TOYS[request.param](), tmp_path_factory.mktemp("ensemble")
    runs = [Run([recipe], dataset) for recipe in recipes(request.param)]
    files = [folder / f"{k}.safetensors" for k in range(3)]
    for run, file in zip(runs, files, strict=True):
        train(run, lambda *_: None)
        run.save_model(file)
        metrics = {"validation": run.best[0]}
        to = folder / file.stem
        write_bundle(to, run.recipes[0], file, dataset, run.scales, metrics, ["numpy"])
    groups = [
        Models(runs[0].recipes[0], files[:2], runs[0].scales, WEIGHTS[:2].tolist()),
        Models(runs[2].recipes[0], files[2:], runs[2].scales, WEIGHTS[2:].tolist()),
    ]
    metrics = {"validation": runs[0].best[0]}
    if isinstance(dataset.target, Discrete):
        dataset = replace(dataset, target=replace(dataset.target, temperature=1.7))
    write_models(folder / "all", groups, dataset, metrics)
    return dataset, runs, folder


def summed(dataset: Dataset, runs: list[Run], there: np.ndarray) -> np.ndarray:
    """The weighted sum, sample by sample, for the modalities that each has, as a bit mask."""
    outputs = []
    for run in runs:
        with run.at_best() as network:
            outputs.append(all_outputs(network, run.samples.test())[0].numpy())
    rows = [
        sum(
            w[row, 0] * o[row - 1, k] + w[row, 1] * o[3, k] + w[row, 2] * o[4, k]
            for w, o in zip(WEIGHTS, outputs, strict=True)
        )
        for k, row in enumerate(there)
    ]
    return dataset.target.served(torch.tensor(np.array(rows), dtype=torch.float32)).numpy()


def test_it_serves_the_weighted_sum_of_all_outputs_in_every_format(
    trained: tuple[Dataset, list[Run], Path],
) -> None:
    dataset, runs, folder = trained
    views = {m: dataset.test.views[m] for m in TWO}
    numbers = np.arange(60)
    present = {"image": numbers % 3 > 0, "audio": numbers % 3 != 1}
    expected = summed(dataset, runs, present["image"] + 2 * present["audio"])
    manifest = json.loads((folder / "all" / MANIFEST).read_text())
    assert manifest["ensemble"] == {"members": [2, 1]}
    assert manifest["formats"].keys() == {"numpy", "torch"}
    engines = [formats.named(name).load(folder / "all") for name in manifest["formats"]]
    engines.append(load_served(folder / "all", dataset.shapes, dataset.target))
    for engine in engines:
        np.testing.assert_allclose(engine(views, present), expected, atol=2e-5)


def test_its_size_is_told(trained: tuple[Dataset, list[Run], Path]) -> None:
    _, runs, folder = trained
    manifest = json.loads((folder / "all" / MANIFEST).read_text())
    assert manifest["parameters"] == sum(run.flat.values.numel() for run in runs)
    assert all(each["milliseconds"] > 0 for each in manifest["formats"].values())


def test_a_file_of_any_of_its_models_may_not_differ(
    trained: tuple[Dataset, list[Run], Path], tmp_path: Path
) -> None:
    _, _, folder = trained
    for file in (folder / "all").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    Predictor(tmp_path)
    content = bytearray((tmp_path / "model_1.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "model_1.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"model_1\.safetensors: differs from its checksum"):
        Predictor(tmp_path)


def test_it_is_served_without_armtune(
    trained: tuple[Dataset, list[Run], Path], tmp_path: Path
) -> None:
    dataset, _, folder = trained
    if dataset.target.kind == "classes":
        check_alone(folder / "all", dataset, tmp_path)


def test_onnx_holds_several_models(
    trained: tuple[Dataset, list[Run], Path], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    dataset, runs, folder = trained
    files = [folder / f"{k}.safetensors" for k in range(2)]
    group = Models(runs[0].recipes[0], files, runs[0].scales, WEIGHTS[:2].tolist())
    write_models(tmp_path / "new", [group], dataset, {"validation": runs[0].best[0]}, ["onnx"])
    found = json.loads((tmp_path / "new" / MANIFEST).read_text())["formats"]["onnx"]
    assert found["largest_difference"] < 1e-5
