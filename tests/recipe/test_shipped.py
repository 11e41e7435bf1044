"""The shipped recipes and spaces: found by bare names from any folder, described by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.comparison.plan import contenders
from armtune.errors import DataError, RecipeError
from armtune.recipe.load import load_recipe
from armtune.recipe.shipped import (
    first_sentence,
    recipe_file,
    recipes_folder,
    shipped,
    spaces_folder,
)
from armtune.recipe.space import load_sweep

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_each_is_run_by_its_name_in_an_empty_folder(empty: Path, name: str) -> None:
    recipe, space = load_sweep(Path(name))
    assert recipe.name == name
    assert space.dimensions
    assert load_recipe(Path(name)) == load_recipe(ROOT / "recipes" / f"{name}.yaml")


@pytest.mark.parametrize("folder", [recipes_folder(), spaces_folder()], ids=lambda path: path.name)
def test_each_says_what_it_is_in_its_first_sentence(folder: Path) -> None:
    said = {name: first_sentence(path) for name, path in shipped(folder).items()}
    assert [name for name, text in said.items() if not text.endswith(".")] == []
    assert [name for name, text in said.items() if "yaml-language-server" in text] == []


def test_the_first_sentence_goes_over_lines_and_ends_with_its_paragraph(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(
        "# yaml-language-server: $schema=x\n#\n# One and\n# two, 1.5 of it. Three.\n#\n# 4\n"
    )
    assert first_sentence(path) == "One and two, 1.5 of it."
    path.write_text("# Words without an end\n\n# more\nname: r\n")
    assert first_sentence(path) == "Words without an end"
    path.write_text("name: r\n# late\n")
    assert first_sentence(path) == ""


def test_a_file_of_ones_own_goes_first(empty: Path) -> None:
    assert recipe_file(Path("avmnist")) == recipes_folder() / "avmnist.yaml"
    (empty / "avmnist").mkdir()  # no recipe
    assert recipe_file(Path("avmnist")) == recipes_folder() / "avmnist.yaml"
    (empty / "avmnist.yaml").touch()
    assert recipe_file(Path("avmnist")) == Path("avmnist.yaml")
    (empty / "avmnist").rmdir()
    (empty / "avmnist").touch()
    assert recipe_file(Path("avmnist")) == Path("avmnist")


def test_data_of_a_shipped_recipe_are_looked_for_in_the_current_folder(empty: Path) -> None:
    (empty / "mine.csv").write_text("outcome,patient,vital_a,lab_a\n")
    recipe = load_recipe(Path("table"), ["data.path=mine.csv"])
    with pytest.raises(DataError, match=r"^mine\.csv: "):  # found, and empty
        recipe.data.read(("vitals", "laboratory"), Path("table").parent, lambda *_: None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "avmnst",
            "avmnst: there is no such file; nor avmnst.yaml, in {}; did you mean 'avmnist'?",
        ),
        ("zzz", "zzz: there is no such file; nor zzz.yaml, in {}; armtune ships ave, avmnist, "),
        ("recipes/avmnist.yaml", "recipes/avmnist.yaml: there is no such file; armtune ships a "),
        ("deep/zzz.yaml", "deep/zzz.yaml: there is no such file"),
    ],
)
def test_one_that_is_nowhere(empty: Path, given: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(Path(given))
    assert str(caught.value).startswith(said.format(empty))


def test_a_folder_is_told_as_one(empty: Path) -> None:
    (empty / "mine").mkdir()
    with pytest.raises(RecipeError, match=r"^mine: is a folder; name the YAML file in it$"):
        load_recipe(Path("mine"))


def test_methods_of_a_comparison_take_shipped_ranges_where_the_recipe_does(empty: Path) -> None:
    recipe, _ = load_sweep(Path("avmnist"))
    found = contenders(recipe, Path(), ["none", "ogm_ge"])
    assert [contender.note for contender in found] == ["", ""]


def test_the_wheel_takes_them_along() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'recipes = "armtune/recipes"' in text
    assert 'search_spaces = "armtune/search_spaces"' in text
