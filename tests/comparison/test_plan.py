"""What a comparison runs: equal sweeps, each over its own method's ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from armtune.balancing.arm import Arm
from armtune.comparison.plan import Contender, budgeted, contenders, methods_of, reference_of
from armtune.errors import RecipeError
from armtune.plugins.registry import plugins
from armtune.recipe.load import content_of
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space, load_sweep

WriteRecipe = Callable[..., Path]
SHIPPED = Path(__file__).parents[2] / "recipes/avmnist.yaml"
LR, TAU = "training.optimizer.lr", "balancing.tau"


def planned(path: Path, *methods: str, trials: int | None = None) -> dict[str, Contender]:
    recipe, _ = load_sweep(path)
    equal = budgeted(recipe, path, trials, None)
    return {c.method: c for c in contenders(equal, path.parent, methods or ("none", "arm"))}


def recipe_of(contender: Contender) -> Recipe:
    assert contender.recipe is not None
    return contender.recipe


def paths(contender: Contender, path: Path) -> list[str]:
    return [d.path for d in load_space(recipe_of(contender), path.parent).dimensions]


def message(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        methods_of(text)
    return str(caught.value)


def test_methods_are_listed_once_in_the_given_order() -> None:
    assert methods_of("none, arm,none,") == ["none", "arm"]


def test_all_are_none_and_every_other_once() -> None:
    methods = methods_of("all")
    assert methods[0] == "none"
    assert sorted(methods) == sorted(plugins("balancing"))
    assert methods_of("arm,all")[:2] == ["arm", "none"]
    assert len(methods_of("arm,all")) == len(methods)


def test_every_method_has_a_space_that_can_be_read() -> None:
    recipe, _ = load_sweep(SHIPPED)
    for contender in contenders(recipe, SHIPPED.parent, methods_of("all")):
        assert contender.recipe, contender.note
        load_space(contender.recipe, SHIPPED.parent)


def test_an_unknown_method_is_named_with_the_nearest() -> None:
    said = "command line --methods: 'arn' is no balancing method; did you mean 'arm'?"
    assert said in message("none,arn,xyz").splitlines()
    assert "'xyz' is no balancing method; there are " in message("none,arn,xyz")


@pytest.mark.parametrize("text", ["", "none", "arm,arm"])
def test_one_method_is_no_comparison(text: str) -> None:
    assert "needs two methods or more" in message(text)


def test_the_reference_is_none_or_the_first() -> None:
    assert reference_of(["arm", "none"]) == "none"
    assert reference_of(["arm", "ogm"]) == "arm"


def test_a_budget_is_the_recipes_unless_told(write_recipe: WriteRecipe) -> None:
    path = write_recipe()
    recipe, _ = load_sweep(path)
    own, told = budgeted(recipe, path, None, None).sweep, budgeted(recipe, path, 3, 2).sweep
    assert own.confirm is not None
    assert told.confirm is not None
    assert (own.trials, own.confirm.top, own.confirm.seeds) == (8, 1, 4)
    assert (told.trials, told.confirm.top, told.confirm.seeds) == (3, 1, 2)


def test_no_method_starts_from_earlier_results(write_recipe: WriteRecipe) -> None:
    path = write_recipe({"start_from": [{LR: 0.01, "balancing.tau": 1.0}]})
    recipe, _ = load_sweep(path)
    assert recipe.sweep.start_from
    assert budgeted(recipe, path, None, None).sweep.start_from == []


def test_a_recipe_without_confirmation_gets_one(write_recipe: WriteRecipe) -> None:
    path = write_recipe({"confirm": None})
    confirm = budgeted(load_sweep(path)[0], path, None, None).sweep.confirm
    assert confirm is not None
    assert confirm.seeds == 5


def test_one_modality_is_refused_where_it_stands(write_recipe: WriteRecipe) -> None:
    alone = {"image": {"encoder": {"name": "mlp"}}}
    path = write_recipe({"space": []}, modalities=alone, balancing={"name": "none"})
    recipe, _ = load_sweep(path)
    with pytest.raises(RecipeError, match=r"toy.yaml:\d+:\d+ modalities: .* two modalities"):
        budgeted(recipe, path, None, None)


def test_sweeps_are_alike_in_all_but_name_method_and_space(write_recipe: WriteRecipe) -> None:
    def common(contender: Contender) -> dict[str, Any]:
        content = content_of(recipe_of(contender))
        del content["name"], content["balancing"], content["sweep"]["space"]
        return content

    found = planned(write_recipe())
    assert common(found["none"]) == common(found["arm"])
    assert recipe_of(found["none"]).sweep.trials == 8
    assert [recipe_of(c).name for c in found.values()] == ["toy-none", "toy-arm"]


def test_each_method_has_its_own_ranges_and_the_shared(write_recipe: WriteRecipe) -> None:
    path = write_recipe()
    found = planned(path)
    assert paths(found["none"], path) == [LR]
    assert paths(found["arm"], path) == [LR, TAU]
    assert [c.note for c in found.values()] == ["", ""]


def test_the_recipes_method_keeps_its_options_and_others_get_none(
    write_recipe: WriteRecipe,
) -> None:
    found = planned(write_recipe())
    assert content_of(recipe_of(found["arm"]))["balancing"]["alpha"] == 2.0
    assert content_of(recipe_of(found["none"]))["balancing"] == {"name": "none"}
    path = write_recipe(balancing={"name": "none"}, sweep={"space": []})
    assert content_of(recipe_of(planned(path)["arm"]))["balancing"]["alpha"] == 1.0


@pytest.mark.parametrize("place", ["recipes/search_spaces", "search_spaces", "spaces"])
def test_a_methods_file_is_found(write_recipe: WriteRecipe, tmp_path: Path, place: str) -> None:
    path = write_recipe({"space": ["../spaces/optimizer.yaml"]}, balancing={"name": "none"})
    (tmp_path / "spaces" / "arm.yaml").unlink()
    file = tmp_path / place / "arm.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("balancing.alpha: {uniform: [0, 1]}\n", encoding="utf-8")
    assert paths(planned(path)["arm"], path) == [LR, "balancing.alpha"]


def test_a_missing_file_is_told_with_the_places(write_recipe: WriteRecipe, tmp_path: Path) -> None:
    path = write_recipe({"space": ["../spaces/optimizer.yaml"]}, balancing={"name": "none"})
    (tmp_path / "spaces" / "arm.yaml").unlink()
    found = planned(path)["arm"]
    assert paths(found, path) == [LR]
    assert found.note.startswith("its options stay at their defaults, for there is no ")
    for place in ("spaces", "recipes/search_spaces", "search_spaces"):
        assert str(tmp_path / place / "arm.yaml") in found.note


def test_the_recipes_own_ranges_go_before_the_file(write_recipe: WriteRecipe) -> None:
    own = {"balancing.alpha": {"uniform": [0, 1]}}
    path = write_recipe({"space": ["../spaces/optimizer.yaml", own]})
    assert paths(planned(path)["arm"], path) == [LR, "balancing.alpha"]


def test_a_search_over_methods_is_left_out(write_recipe: WriteRecipe) -> None:
    names = {"balancing.name": {"choice": ["none", "arm"]}}
    lr = {LR: {"log": [1e-3, 1e-1], "when": {"balancing.name": "arm"}}}
    path = write_recipe({"space": ["../spaces/arm.yaml", names, lr]})
    found = planned(path)
    assert paths(found["none"], path) == []
    assert paths(found["arm"], path) == [TAU, LR]


def test_one_trial_is_all_where_nothing_is_searched(write_recipe: WriteRecipe) -> None:
    found = planned(write_recipe({"space": ["../spaces/arm.yaml"]}), trials=5)
    assert [recipe_of(c).sweep.trials for c in found.values()] == [1, 5]
    assert found["none"].note == "nothing to search, so one trial is all"


def test_a_method_that_refuses_the_modalities_says_why(
    write_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_recipe({"space": ["../spaces/optimizer.yaml"]}, balancing={"name": "none"})
    monkeypatch.setattr(Arm, "problem", lambda self, names: f"not for {' and '.join(names)}")
    found = planned(path)
    assert found["arm"] == Contender("arm", None, "not for image and audio")
    assert found["none"].recipe is not None


def test_faults_of_a_methods_file_are_told_before_anything_runs(
    write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    path = write_recipe({"space": ["../spaces/optimizer.yaml"]}, balancing={"name": "none"})
    file = tmp_path / "spaces" / "arm.yaml"
    file.write_text("balancing.alhpa: {uniform: [0, 1]}\nbalancing.tau: 3\n", encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        planned(path)
    assert [(Path(f.file).name, f.line) for f in caught.value.faults] == [
        ("arm.yaml", 1),
        ("arm.yaml", 2),
    ]
