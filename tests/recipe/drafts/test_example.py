"""Shipped recipes, written out: they check where they are, and overwrite nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.errors import RecipeError, RunError
from armtune.recipe.drafts.example import write_example
from armtune.recipe.load import load_recipe
from armtune.recipe.shipped import recipes_folder, shipped
from armtune.recipe.space import load_sweep


@pytest.mark.parametrize("name", shipped(recipes_folder()))
def test_each_searches_the_same_by_files_of_its_own(name: str, tmp_path: Path) -> None:
    written = write_example(name, tmp_path / "to")
    recipe, space = load_sweep(written[0])
    assert written[0] == tmp_path / "to" / f"{name}.yaml"
    assert load_sweep(recipes_folder() / f"{name}.yaml")[1] == space
    assert all((tmp_path / "to" / str(item)).is_file() for item in recipe.sweep.space)
    assert all(path.is_file() for path in written)


def test_a_change_in_a_copied_space_counts(tmp_path: Path) -> None:
    write_example("avmnist", tmp_path)
    space = tmp_path / "search_spaces" / "optimizer.yaml"
    space.write_text("training.epochs: {choice: [3, 4]}\n", encoding="utf-8")
    found = load_sweep(tmp_path / "avmnist.yaml")[1]
    assert "training.epochs" in [dimension.path for dimension in found.dimensions]


def test_comments_stay(tmp_path: Path) -> None:
    written = write_example("utd_mhad", tmp_path)[0].read_text(encoding="utf-8").splitlines()
    shipped_lines = (recipes_folder() / "utd_mhad.yaml").read_text(encoding="utf-8").splitlines()
    differing = [a for a, b in zip(written, shipped_lines, strict=True) if a != b]
    own = "search_spaces/optimizer.yaml, search_spaces/arm.yaml"
    assert differing == [f"  space: [{own}]"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    first = write_example("avmnist", tmp_path)
    times = [path.stat().st_mtime_ns for path in first]
    assert write_example("avmnist", tmp_path) == first  # the same again
    assert [path.stat().st_mtime_ns for path in first] == times
    (tmp_path / "search_spaces" / "arm.yaml").write_text("mine", encoding="utf-8")
    (tmp_path / "avmnist.yaml").unlink()
    with pytest.raises(RunError, match=r"arm\.yaml is there already, and is another; nothing was"):
        write_example("avmnist", tmp_path)
    assert not (tmp_path / "avmnist.yaml").exists()
    assert (tmp_path / "search_spaces" / "arm.yaml").read_text(encoding="utf-8") == "mine"


def test_one_that_is_not_shipped(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="'avmnst'; did you mean 'avmnist'") as caught:
        write_example("avmnst", tmp_path)
    assert str(caught.value).startswith("--example: no shipped recipe is called")
    assert list(tmp_path.iterdir()) == []


def test_the_copy_goes_before_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write_example("avmnist", Path())[0]
    file.write_text(file.read_text("utf-8").replace("epochs: 15", "epochs: 7"), encoding="utf-8")
    assert load_recipe(Path("avmnist")).training.epochs == 7


def test_what_is_no_folder_or_leads_elsewhere_stays(tmp_path: Path) -> None:
    (tmp_path / "search_spaces").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="search_spaces is no folder; nothing was written"):
        write_example("avmnist", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["search_spaces"]
    (tmp_path / "search_spaces").unlink()
    (tmp_path / "avmnist.yaml").symlink_to("nowhere")
    with pytest.raises(RunError, match=r"avmnist\.yaml is there already, and is another"):
        write_example("avmnist", tmp_path)
    assert (tmp_path / "avmnist.yaml").is_symlink()
