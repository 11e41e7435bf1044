"""Every encoder and every fusion, exported in every format, predicts what the network does."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from armtune.balancing import Balancing
from armtune.bundle import formats
from armtune.bundle.formats.onnx import LIBRARIES
from armtune.bundle.manifest import MODEL
from armtune.encoders import Encoder
from armtune.export import write
from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train
from tests.conftest import Shapes, toy_dataset, toy_recipe

FORMATS = [n for n in formats.names() if n != "onnx" or all(map(find_spec, LIBRARIES))]
SHAPES = [(7,), (4, 3), (2, 8, 8)]
SMALL = {"width": 4, "features": 4, "heads": 2, "head_width": 4, "depth": 2, "kernel": 3}


def small(name: str) -> tuple[Encoder, tuple[int, ...]]:
    """An encoder with few units, and the first shape that it reads."""
    plugin = plugins("encoders")[name]
    fields = plugin.model_fields
    encoder = plugin.model_validate({k: v for k, v in SMALL.items() if k in fields})
    assert isinstance(encoder, Encoder)
    return encoder, next(shape for shape in SHAPES if not encoder.misfit(shape))


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Trains an epoch and writes all formats; ``write_bundle`` compares each with the network.

    Returns a function from a recipe and shapes to the bundle's manifest.
    """
    monkeypatch.setattr(write, "USUAL", FORMATS)

    def export(recipe: Recipe, shapes: Shapes) -> dict[str, Any]:
        run = Run([recipe], toy_dataset(shapes, samples=60))
        train(run, lambda *_: None)
        run.save_model(tmp_path / MODEL)
        to = tmp_path / "best"
        metrics = {"validation": run.best[0]}
        return write.write_bundle(to, recipe, tmp_path / MODEL, run.dataset, run.scales, metrics)

    return export


def check(manifest: dict[str, Any]) -> None:
    """All formats are there; only numpy may lack operators, and says which."""
    assert sorted([*manifest["formats"], *manifest["left_out"]]) == FORMATS
    assert manifest["left_out"].keys() <= {"numpy"}, manifest["left_out"]
    assert all("no numpy version of" in why for why in manifest["left_out"].values())
    assert all(each["largest_difference"] <= 1e-5 for each in manifest["formats"].values())


@pytest.mark.parametrize("name", plugins("encoders"))
def test_encoder(name: str, exported: Any) -> None:
    encoder, shape = small(name)
    shapes: Shapes = {"read": shape, "beside": (3,)}
    content = toy_recipe(shapes, epochs=1).model_dump()
    content["modalities"]["read"]["encoder"] = encoder.model_dump()
    check(exported(Recipe.model_validate(content), shapes))


@pytest.mark.parametrize("scaling", [{"components": 3}, {"bins": 4}, {"components": 3, "bins": 4}])
def test_scaling_that_changes_a_samples_shape(scaling: dict[str, int], exported: Any) -> None:
    shapes: Shapes = {"read": (7,), "beside": (3,)}
    content = toy_recipe(shapes, epochs=1).model_dump()
    content["modalities"]["read"]["encoder"] = {"name": "mlp", "width": 4, **scaling}
    manifest = exported(Recipe.model_validate(content), shapes)
    check(manifest)
    assert not manifest["left_out"]


@pytest.mark.parametrize("name", plugins("fusion"))
def test_fusion(name: str, exported: Any) -> None:
    shapes: Shapes = {"a": (3,), "b": (4,), "c": (2,)}
    content = {**toy_recipe(shapes, epochs=1).model_dump(), "fusion": {"name": name}}
    check(exported(Recipe.model_validate(content), shapes))


def own_fusions() -> list[str]:
    """Balancing methods that decide by a fusion of their own."""
    given = toy_recipe().fusion
    methods = {name: method() for name, method in plugins("balancing").items()}
    return [
        name
        for name, method in methods.items()
        if isinstance(method, Balancing) and method.fusion(given) != given
    ]


@pytest.mark.parametrize("name", own_fusions())
def test_fusion_of_a_balancing_method(name: str, exported: Any) -> None:
    shapes: Shapes = {"a": (3,), "b": (4,), "c": (2,)}
    check(exported(toy_recipe(shapes, {"name": name}, epochs=1), shapes))
