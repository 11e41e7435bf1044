"""The model card has every figure, as mean ± std where there are several seeds."""

from __future__ import annotations

from typing import Any

from armtune.export.card import model_card
from armtune.recipe.schema import Recipe
from tests.conftest import TWO, toy_recipe

ABOUT: dict[str, Any] = {
    "armtune": "1.2",
    "data": {"used": "toy clouds", "digest": "abc", "stand_in": False},
    "target": {"kind": "classes", "names": ["yes", "no"]},
    "shapes": {"image": [6, 6], "audio": [5]},
    "versions": {"python": "3.11", "torch": "2"},
    "formats": {"torch": {"file": "model.pt2", "largest_difference": 3e-8}},
    "left_out": {},
}


def spreads(mean: float) -> dict[str, dict[str, float]]:
    names = ["accuracy", "calibration_error", *(f"missing/{m}" for m in TWO)]
    return {
        name: {"mean": mean, "std": 0.01} for name in [*names, *(f"contribution/{m}" for m in TWO)]
    }


def test_a_winner_of_a_sweep() -> None:
    metrics = {
        "trial": 7,
        "chosen_by": "highest accuracy",
        "exported_seed": 1002,
        "validation": {"accuracy": 0.1},
        "seeds": [1000, 1001, 1002],
        "confirmed_validation": spreads(0.75),
        "confirmed_test": spreads(0.5),
    }
    lines = model_card(toy_recipe(), ABOUT, metrics).splitlines()
    both = "0.7500 ± 0.0100 | 0.5000 ± 0.0100 |"
    for row in ("accuracy", "calibration_error", "image", "audio"):
        assert f"| {row} | {both}" in lines
    assert lines.count(f"| audio | {both}") == 2  # its contribution, and what is left without it
    assert "Mean ± standard deviation over trainings with 3 seeds." in lines
    assert "Trial 7 of a sweep, whose rule is: highest accuracy." in lines
    assert "Digest of sources and options: `abc`." in lines
    assert "| torch | model.pt2 | 3.0e-08 | not measured |" in lines
    assert "Made with armtune 1.2, python 3.11, torch 2." in lines
    assert not any("NOT THE DATA" in line for line in lines)


def test_the_recipes_own_metrics_are_among_the_figures() -> None:
    own = {"auc": {"name": "roc_auc"}, "f": {"name": "sklearn", "scorer": "f1_macro"}}
    found = {"validation": {"accuracy": 0.1, "auc": 0.7}, "test": {"auc": 0.6, "f": 0.5}}
    recipe = Recipe.model_validate({**toy_recipe().model_dump(), "metrics": own})
    lines = model_card(recipe, ABOUT, found).splitlines()
    assert {"| auc | 0.7000 | 0.6000 |", "| f | not measured | 0.5000 |"} <= {*lines}
    assert "- auc: `roc_auc`, as the recipe asks for it" in lines
    assert "- f: `f1_macro`, as the recipe asks for it" in lines


def test_one_re_training_has_no_spread() -> None:
    figures = {"accuracy": 0.75}
    found = {"seeds": [1000], "confirmed_validation": figures, "confirmed_test": {"accuracy": 0.5}}
    lines = model_card(toy_recipe(), ABOUT, {"validation": {"accuracy": 0.1}, **found}).splitlines()
    assert "One training, without repetition over seeds." in lines
    assert "| accuracy | 0.7500 | 0.5000 |" in lines


def test_what_is_left_where_a_modality_fails_or_is_noisy() -> None:
    figures = {"image": {"noise": 0.61, "another": 0.42}, "audio": {"another": 0.73}}
    about = {**ABOUT, "robustness": {"intact": 0.81, "samples": 90, "modalities": figures}}
    card = model_card(toy_recipe(), about, {"validation": {"accuracy": 0.8}})
    section = card.partition("## When a modality fails\n")[2].partition("\n## ")[0]
    said = " ".join(section.split())
    assert "The accuracy on 90 samples that the model hadn't learnt is 0.8100 with nothing" in said
    assert "noise of one standard deviation added to a modality" in said
    assert "leave its modality out" in said
    assert "| modality | noise added | another sample's |" in section
    assert "| image | 0.6100 | 0.4200 |" in section
    assert "| audio | not measured | 0.7300 |" in section  # noise needs values with a deviation
    without = model_card(toy_recipe(), ABOUT, {"validation": {"accuracy": 0.8}})
    assert "## When a modality fails" not in without
    assert "## When a modality is missing" in without


def test_a_single_training() -> None:
    lines = model_card(toy_recipe(), ABOUT, {"validation": {"accuracy": 0.8}}).splitlines()
    assert "| accuracy | 0.8000 | not measured |" in lines
    assert "One training, without repetition over seeds." in lines
