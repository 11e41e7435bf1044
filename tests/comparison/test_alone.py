"""Sweeps of single modalities: the methods' budget, without what a single modality lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from armtune.comparison.alone import alone_contenders
from armtune.comparison.plan import budgeted
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space, load_sweep

WriteRecipe = Callable[..., Path]
LR = "training.optimizer.lr"
OWN = {f"modalities.{m}.encoder.width": {"choice": [4, 8]} for m in ("image", "audio")}
FOR_ARM = {"modalities.*.lr_scale": {"log": [0.1, 1], "when": {"balancing.name": "arm"}}}


def contenders(path: Path) -> dict[str, Recipe]:
    equal = budgeted(load_sweep(path)[0], path, None, None)
    found = {c.method: c.recipe for c in alone_contenders(equal, path.parent)}
    return {method: recipe for method, recipe in found.items() if recipe is not None}


def test_each_modality_has_its_ranges_and_the_shared(write_recipe: WriteRecipe) -> None:
    path = write_recipe({"space": ["../spaces/optimizer.yaml", "../spaces/arm.yaml", OWN, FOR_ARM]})
    found = contenders(path)
    assert list(found) == ["alone-image", "alone-audio"]
    for method, recipe in found.items():
        modality = method.removeprefix("alone-")
        paths = [d.path for d in load_space(recipe, path.parent).dimensions]
        assert paths == [LR, f"modalities.{modality}.encoder.width"]
        assert list(recipe.modalities) == [modality]
        assert recipe.balancing.name == "none"


def test_it_has_the_methods_budget_and_is_judged_by_the_score(write_recipe: WriteRecipe) -> None:
    path = write_recipe(
        {"mode": "scalar", "choose": "knee", "weights": {"contribution_gap": 2.0}, "trials": 7}
    )
    for recipe in contenders(path).values():
        sweep = recipe.sweep
        assert sweep.objectives == ["maximize accuracy"]
        assert (sweep.constraints, sweep.mode, sweep.weights) == ([], "pareto", {})
        assert (sweep.choose, sweep.trials) == ("highest accuracy", 7)
        assert sweep.confirm is not None
        assert (sweep.confirm.top, sweep.confirm.seeds) == (1, 4)
