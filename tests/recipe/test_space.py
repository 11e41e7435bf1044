"""Search spaces: ranges, conditions, patterns, order, and the recipe's own values."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from armtune.errors import RecipeError
from armtune.plugins.registry import plugins
from armtune.recipe import entries
from armtune.recipe.automatic import KINDS
from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.ranges import Dimension, parse_range
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space, embed_space, load_space, load_sweep

TEXT = """\
name: small
data: {name: avmnist}
modalities:
  image: {encoder: {name: lenet, width: 8}}
  audio: {encoder: {name: lenet, width: 8}}
"""

Make = Callable[..., tuple[Recipe, Space]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(*spaces: str, overrides: list[str] | None = None) -> tuple[Recipe, Space]:
        names = [f"space{i}.yaml" for i in range(len(spaces))]
        for name, text in zip(names, spaces, strict=True):
            (tmp_path / name).write_text(text, encoding="utf-8")
        path = tmp_path / "r.yaml"
        path.write_text(f"{TEXT}sweep: {{space: [{', '.join(names)}]}}\n", encoding="utf-8")
        return load_sweep(path, overrides or [])

    return make


RANGES: list[tuple[dict[str, Any], Dimension]] = [
    ({"uniform": [0, 1]}, Dimension("p", "float", 0.0, 1.0)),
    ({"uniform": [0, 1], "step": 0.1}, Dimension("p", "float", 0.0, 1.0, 0.1)),
    ({"log": [1e-4, 1]}, Dimension("p", "float", 1e-4, 1.0, log=True)),
    ({"int": [4, 32], "step": 4}, Dimension("p", "int", 4, 32, 4)),
    ({"int": [4, 32], "log": True}, Dimension("p", "int", 4, 32, log=True)),
    ({"log": False, "int": [0, 3]}, Dimension("p", "int", 0, 3)),
    (
        {"choice": ["a", 1, 1.5, False, None]},
        Dimension("p", "choice", choices=("a", 1, 1.5, False, None)),
    ),
    ({"fixed": 3}, Dimension("p", "fixed", choices=(3,))),
    (
        {"int": [0, 1], "when": {"q": "x", "r": [1, 2]}},
        Dimension("p", "int", 0, 1, when={"q": ("x",), "r": (1, 2)}),
    ),
]


@pytest.mark.parametrize(("written", "dimension"), RANGES, ids=[str(w) for w, _ in RANGES])
def test_ranges(written: dict[str, Any], dimension: Dimension) -> None:
    got = parse_range("p", written)
    assert got == dimension
    assert [type(end) for end in got.extremes] == [type(end) for end in dimension.extremes]


BAD_RANGES: list[tuple[Any, str]] = [
    ({}, "needs one of 'uniform', 'log', 'int', 'choice', 'grid', 'fixed', not nothing"),
    ({"log": [1, 2], "uniform": [1, 2]}, "not uniform and log"),
    ({"int": [1, 1]}, "the lowest, 1, must be below the highest, 1"),
    ({"int": [True, 3]}, "'int' needs two whole numbers, [lowest, highest], not [true, 3]"),
    ({"uniform": [0, float("inf")]}, "not [0, .inf]"),
    ({"uniform": [0, 1], "log": True}, "not uniform and log"),
    ({"log": [1, 2], "step": 1}, "'log' has no 'step'"),
    ({"int": [1, 5], "log": 1}, "'log' needs true or false, not 1"),
    ({"int": [0, 5], "log": True}, "a log range must begin above 0, not at 0"),
    ({"int": [0, 5], "step": 0.5}, "'step' needs a whole number above 0, not 0.5"),
    ({"fixed": [1]}, "'fixed' takes numbers, text, true, false or null, not a list of 1"),
    ({"choice": [1, True]}, "true stands twice among the choices"),
    ({"choice": [1], "when": {"q": []}}, "'when' needs a value or a list of values for 'q'"),
]


@pytest.mark.parametrize(("written", "message"), BAD_RANGES, ids=[m for _, m in BAD_RANGES])
def test_bad_ranges(written: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_range("p", written)
    assert message in str(caught.value)


def test_what_lies_in_a_range() -> None:
    real = parse_range("p", {"uniform": [0, 1], "step": 0.1})
    whole = parse_range("p", {"int": [4, 32], "step": 4})
    choice = parse_range("p", {"choice": [1, None]})
    assert [real.holds(v) for v in (0, 0.3, 1.0, 0.35, 1.1, "x", None, True)] == [True] * 3 + [
        False
    ] * 5
    assert [whole.holds(v) for v in (8, 10, 8.0, 36)] == [True, False, False, False]
    assert [choice.holds(v) for v in (1, None, True, 0)] == [True, True, False, False]


def test_a_pattern_is_one_dimension_a_modality(make: Make) -> None:
    _, space = make("modalities.*.encoder.width: {int: [4, 32], step: 4}")
    assert [d.path for d in space.dimensions] == [
        "modalities.image.encoder.width",
        "modalities.audio.encoder.width",
    ]


def test_a_pattern_in_a_condition_is_the_same_modality(make: Make) -> None:
    _, space = make(
        "modalities.*.encoder.kernel: {int: [3, 5], when: {modalities.*.encoder.name: lenet}}\n"
        "modalities.*.encoder.name: {choice: [lenet, mlp]}\n"
    )
    conditions = {d.path: dict(d.when) for d in space.dimensions}
    assert list(conditions) == [
        "modalities.image.encoder.name",
        "modalities.image.encoder.kernel",
        "modalities.audio.encoder.name",
        "modalities.audio.encoder.kernel",
    ]
    assert conditions["modalities.audio.encoder.kernel"] == {
        "modalities.audio.encoder.name": ("lenet",)
    }


def test_a_condition_the_recipe_meets_is_gone(make: Make) -> None:
    space_text = "training.seed: {int: [0, 9], when: {balancing.name: arm, fusion.dim: [32, 64]}}"
    _, space = make(space_text, overrides=["balancing.name=arm"])
    assert space.dimensions == (Dimension("training.seed", "int", 0, 9),)


NESTED = """\
balancing.dropout: {uniform: [0, 0.4], when: {training.decay: none}}
training.decay: {choice: [none, cosine], when: {balancing.name: arm}}
training.seed: {int: [0, 9]}
balancing.name: {choice: [none, arm]}
"""


def test_what_a_condition_reads_comes_first(make: Make) -> None:
    _, space = make(NESTED)
    paths = [d.path for d in space.dimensions]
    assert paths == ["balancing.name", "training.decay", "balancing.dropout", "training.seed"]


def test_a_dimension_applies_only_if_its_conditions_own_dimensions_do(make: Make) -> None:
    _, space = make(NESTED)
    dropout = space.dimensions[2]
    assert dropout.applies({"balancing.name": "arm", "training.decay": "none"})
    assert not dropout.applies({"balancing.name": "arm", "training.decay": "cosine"})
    assert not dropout.applies({"balancing.name": "none"})


def test_defaults_are_the_recipes_own_values_that_apply(make: Make) -> None:
    recipe, space = make(NESTED)
    assert space.defaults(recipe) == {"balancing.name": "none", "training.seed": 0}
    own = with_overrides(recipe, {"balancing.name": "arm", "training.decay": "none"})
    assert space.defaults(own) == {
        "balancing.name": "arm",
        "training.decay": "none",
        "balancing.dropout": 0.0,
        "training.seed": 0,
    }


def test_defaults_leave_out_values_outside_their_range(make: Make) -> None:
    recipe, space = make(
        "training.optimizer.lr: {log: [1e-2, 1e-1]}\n"
        "training.seed: {int: [0, 9], step: 3}\n"
        "fusion.dim: {fixed: 32}\n"
        "balancing.name: {fixed: arm}\n"
        "balancing.tau: {uniform: [0, 2], when: {balancing.name: arm}}\n"
    )
    assert space.defaults(recipe) == {
        "training.seed": 0,
        "fusion.dim": 32,
        "balancing.name": "arm",
    }
    assert with_overrides(recipe, space.defaults(recipe)).balancing.name == "arm"


def test_every_corner_of_a_checked_space_is_a_valid_recipe(make: Make) -> None:
    recipe, space = make(
        "training.optimizer.name: {choice: [adamw, sgd]}\n"
        "training.optimizer.lr: {log: [1e-4, 1e-1]}\n"
        "training.optimizer.momentum: {uniform: [0, 0.99], when: {training.optimizer.name: sgd}}\n"
        "modalities.*.encoder.name: {choice: [lenet, mlp]}\n"
        "modalities.*.encoder.width: {int: [1, 9], step: 2}\n"
    )
    for corner in (0, -1):
        values: dict[str, Any] = {}
        for dimension in space.dimensions:
            if dimension.applies(values):
                values[dimension.path] = dimension.extremes[corner]
        assert with_overrides(recipe, values).training.optimizer.name == ["adamw", "sgd"][corner]


def test_faults_stand_in_the_spaces_own_file(make: Make, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        make(
            "training.seed: {int: [0, 9]}\ntraining.epochs:\n  int: [0, 9]\n",
            "\ntraining.seed: {int: [0, 5]}\nbalancing.tau: {uniform: [1, 0]}\n",
            "",
            "- a\n",
            "a: [\n",
        )
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "space0.yaml:3:3 training.epochs: can't be 0: needs a whole number of at least 1, not 0",
        "space1.yaml:2:1 training.seed: this path has a range already, at space0.yaml:1:1",
        "space1.yaml:3:16 balancing.tau: the lowest, 1.0, must be below the highest, 0.0",
        "space2.yaml: is empty",
        "space3.yaml:1:1: needs a mapping of paths to ranges, not a list of 1",
        "space4.yaml:2:1: the text ends before a bracket is closed",
    ]


def test_one_mistake_is_told_once(make: Make, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        make(
            "balancing.name: {choice: none}\n"
            "balancing.tau: {uniform: [0, 2], when: {balancing.name: arm}}\n"
            "balancing.clip: {uniform: [1, 3], when: {balancing.tau: 1}}\n"
        )
    assert len(caught.value.faults) == 1


def test_a_space_of_a_recipe_without_a_file(make: Make, tmp_path: Path) -> None:
    recipe, space = make("training.seed: {int: [0, 9]}")
    assert load_space(recipe, tmp_path) == space
    with pytest.raises(RecipeError, match=r"^sweep\.space\[0\]: there is no file "):
        load_space(recipe, tmp_path / "elsewhere")


def with_space(folder: Path, item: str) -> str:
    folder.mkdir(exist_ok=True)
    text = f"{TEXT}sweep: {{space: [{item}]}}\n"
    (folder / "r.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_sweep(folder / "r.yaml")
    return str(caught.value)


def test_a_file_that_isnt_there_is_named_whole_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.chdir(own)
    shipped = os.path.relpath(entries.SHIPPED, own)
    said = with_space(Path(), "search_spaces/optimizer.yaml")
    assert f"there is no file {own}/search_spaces/optimizer.yaml" in said
    assert f"did you mean {shipped}/optimizer.yaml?" in said
    said = with_space(Path(), "search_spaces/nothing.yaml")
    assert f"{shipped} has agm.yaml, amco.yaml" in said
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "mine.yaml").touch()
    assert "did you mean ../search_spaces/mine.yaml?" in with_space(own, "mine.yaml")


def test_an_embedded_space_needs_no_file(make: Make, tmp_path: Path) -> None:
    recipe, space = make(NESTED, "modalities.*.encoder.width: {int: [4, 32], step: 4}")
    embedded = embed_space(recipe, tmp_path)
    assert load_space(embedded, tmp_path / "elsewhere") == space
    assert embed_space(embedded, tmp_path) == embedded


def test_no_space_is_fine(make: Make) -> None:
    recipe, space = make()
    assert space == Space()
    assert space.defaults(recipe) == {}


ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "search_spaces").glob("*.yaml"))
METHODS = [path for path in SHIPPED if path.stem in plugins("balancing")]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.name)
def test_a_methods_space_fits_a_recipe_with_it(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(f"{TEXT}balancing: {{name: {path.stem}}}\n", encoding="utf-8")
    recipe = with_overrides(load_recipe(file), {"sweep.space": [str(path)]})
    space = load_space(recipe, tmp_path)
    assert len(space.defaults(recipe)) == len(space.dimensions) > 0


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_a_shipped_recipes_own_values_lie_in_its_space(path: Path) -> None:
    recipe, space = load_sweep(path)
    assert len(space.defaults(recipe)) == len(space.dimensions) > 0


def test_every_shipped_space_is_for_a_method_an_optimizer_a_recipe_or_the_automatic_one() -> None:
    used = [entry for path in RECIPES for entry in load_recipe(path).sweep.space]
    named = {entry for entry in used if isinstance(entry, str)} | set(KINDS)
    named |= set(plugins("optimizers"))
    assert {path.stem for path in SHIPPED} - {path.stem for path in METHODS} <= named


def test_the_space_for_arm_fits_a_recipe_that_searches_the_method(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(TEXT, encoding="utf-8")
    names = {"balancing.name": {"choice": ["none", "arm"]}}
    arm = str(ROOT / "search_spaces" / "arm.yaml")
    recipe = with_overrides(load_recipe(file), {"sweep.space": [arm, names]})
    space = load_space(recipe, tmp_path)
    assert space.defaults(recipe) == {"balancing.name": "none"}
