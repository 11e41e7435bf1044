"""Vectors in the automatic space: bins where they are narrow, and columns of tables."""

from __future__ import annotations

from pathlib import Path

import yaml

from armtune.sweeps.study.first_values import start_values
from tests.recipe.test_automatic import RNG, settled, write


def test_narrow_vectors_are_also_cut_into_bins(tmp_path: Path) -> None:
    views = {"narrow": RNG.normal(size=(60, 9)), "wide": RNG.normal(size=(60, 65))}
    _, recipe, space = settled(write(tmp_path, views))
    bins = "modalities.narrow.encoder.bins"
    found = {d.path: d for d in space.dimensions}
    assert [path for path in found if path.endswith(".bins")] == [bins]
    assert space.defaults(recipe)[bins] == 0
    linear, deep, *_ = recipe.sweep.start_from
    depth, name = (bins.replace("bins", option) for option in ("depth", "name"))
    assert linear == {name: "mlp", bins: 16, depth: 0}
    assert deep == {name: "mlp", bins: 16, depth: 2}


def test_trainings_of_narrow_vectors_may_be_longer(tmp_path: Path) -> None:
    _, recipe, space = settled(write(tmp_path, {m: RNG.normal(size=(60, 16)) for m in "abcd"}))
    (found,) = (d.choices for d in space.dimensions if d.path == "training.epochs")
    assert found == (recipe.training.epochs, 3 * recipe.training.epochs)
    assert recipe.sweep.start_from[1]["training.epochs"] == found[-1]
    _, _, wider = settled(write(tmp_path, {m: RNG.normal(size=(60, 17)) for m in "abcd"}))
    assert "training.epochs" not in {d.path for d in wider.dimensions}


def table(folder: Path) -> Path:
    """A recipe of a table with a number, a switch and a category, and its rows."""
    rows = [f"{k / 7},{k % 2},{'uvw'[k % 3]},{'no' if k % 4 else 'yes'}" for k in range(90)]
    (folder / "t.csv").write_text("\n".join(["a,b,c,y", *rows]), encoding="utf-8")
    data = {"name": "table", "path": "t.csv", "label": "y", "columns": {"m": ["a", "b", "c"]}}
    recipe = {"name": "own", "data": data, "modalities": {"m": {}}}
    (folder / "r.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder / "r.yaml"


def test_columns_with_categories_are_read_as_such_or_as_plain_numbers(tmp_path: Path) -> None:
    _, recipe, space = settled(table(tmp_path))
    assert recipe.modalities["m"].encoder.name == "tabular"
    found = {d.path: d for d in space.dimensions}
    name = "modalities.m.encoder.name"
    assert found[name].choices == ("tabular", "mlp", "random_fourier")
    assert found["modalities.m.encoder.depth"].when == {name: ("tabular", "mlp")}
    assert found["modalities.m.encoder.bins"].when == {name: ("mlp",)}
    linear, deep, *_ = start_values(recipe, space, tmp_path)
    assert (linear[name], linear["modalities.m.encoder.depth"]) == ("mlp", 0)
    assert deep["modalities.m.encoder.bins"] == 16


def test_an_encoder_that_the_recipe_names_stays(tmp_path: Path) -> None:
    path = table(tmp_path)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["modalities"] = {"m": {"encoder": {"name": "mlp", "width": 8}}}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    _, recipe, space = settled(path)
    assert not [d.path for d in space.dimensions if ".encoder." in d.path]
    assert not any("bins" in key for start in recipe.sweep.start_from for key in start)
