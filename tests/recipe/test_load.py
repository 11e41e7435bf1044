"""Overrides, plug-in changes, and recipes written out and read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from armtune.errors import RecipeError
from armtune.pruners.none import NoPruning
from armtune.recipe.load import content_of, dump_recipe, load_recipe, with_overrides
from armtune.recipe.schema import Recipe

TEXT = """\
name: small
data: {name: avmnist}
modalities:
  image: {encoder: {name: lenet, width: 4}}
  audio: {encoder: {name: mlp, width: 16}}
"""

Load = Callable[..., Recipe]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(*overrides: str, text: str = TEXT) -> Recipe:
        path = tmp_path / "r.yaml"
        path.write_text(text, encoding="utf-8")
        return load_recipe(path, overrides)

    return load


def get(recipe: Recipe, path: str) -> Any:
    value: Any = content_of(recipe)
    for step in path.split("."):
        value = value[step]
    return value


VALUES = [
    ("training.optimizer.lr=1e-2", "training.optimizer.lr", 0.01),
    ("training.epochs=012", "training.epochs", 12),
    (
        "sweep.objectives=[maximize accuracy, minimize loss]",
        "sweep.objectives",
        ["maximize accuracy", "minimize loss"],
    ),
    (
        "sweep.choose=lowest loss where accuracy >= 0.5",
        "sweep.choose",
        "lowest loss where accuracy >= 0.5",
    ),
    ("sweep.confirm=null", "sweep.confirm", None),
    (
        "sweep.confirm.top=1",
        "sweep.confirm",
        {"top": 1, "seeds": 5, "solo": True, "outputs": False},
    ),
    ("balancing={name: arm, tau: 2}", "balancing.tau", 2.0),
    ("modalities.audio.encoder={name: lenet}", "modalities.audio.encoder.width", 8),
    ("data.root=a=b", "data.root", "a=b"),
    ("data.root=", "data.root", None),
    ("data={name: arrays, path: x.npz, views: {image: a, audio: b}}", "data.views.image", "a"),
]


@pytest.mark.parametrize(("override", "path", "value"), VALUES, ids=[v[0] for v in VALUES])
def test_override(load: Load, override: str, path: str, value: Any) -> None:
    assert get(load(override), path) == value


def test_an_override_can_supply_what_the_file_lacks(load: Load) -> None:
    text = TEXT.replace("data: {name: avmnist}\n", "")
    assert load("data.split=speakers", "data.name=avmnist", text=text).data.name == "avmnist"


def test_a_pattern_reaches_every_modality_and_the_last_value_counts(load: Load) -> None:
    recipe = load("modalities.*.encoder.width=8", "modalities.audio.encoder.width=32")
    assert get(recipe, "modalities.image.encoder.width") == 8
    assert get(recipe, "modalities.audio.encoder.width") == 32


def test_a_whole_plugin_for_every_modality_is_not_shared(load: Load) -> None:
    recipe = load("modalities.*.encoder={name: mlp}", "modalities.image.encoder.depth=5")
    assert get(recipe, "modalities.image.encoder.depth") == 5
    assert get(recipe, "modalities.audio.encoder.depth") == 2


def test_a_modality_can_be_added(load: Load) -> None:
    text = TEXT.replace("avmnist", "arrays, path: x.npz")
    recipe = load(
        "modalities.depth={encoder: {name: mlp}}", "modalities.depth.encoder.width=3", text=text
    )
    assert list(recipe.modalities) == ["image", "audio", "depth"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_new_name_goes_before_the_options_given_with_it(load: Load, order: int) -> None:
    recipe = load(*["balancing.name=arm", "balancing.tau=2"][::order])
    assert get(recipe, "balancing.tau") == 2


def test_a_new_name_drops_options_the_new_plugin_lacks(load: Load) -> None:
    text = TEXT + "balancing: {name: arm, tau: 2, alpha: 0}\n"
    assert content_of(load("balancing.name=none", text=text))["balancing"] == {"name": "none"}


def test_a_new_name_keeps_shared_options_but_for_defaults(load: Load) -> None:
    text = TEXT + "training: {optimizer: {name: adamw, lr: 0.005}}\n"
    changed = content_of(load("training.optimizer.name=sgd", text=text))["training"]["optimizer"]
    assert changed["lr"] == 0.005
    assert changed["weight_decay"] == 1e-4


def test_a_default_plugin_can_be_changed_from_any_form_of_the_recipe(load: Load) -> None:
    written_out = load(text=dump_recipe(load()))
    values = {"training.optimizer.name": "sgd", "training.optimizer.momentum": 0.5}
    changed = with_overrides(written_out, values)
    assert changed == with_overrides(load(), values)
    assert changed == load("training.optimizer.name=sgd", "training.optimizer.momentum=0.5")
    assert get(changed, "training.optimizer.lr") == 0.01


def test_with_overrides_leaves_the_recipe_alone(load: Load) -> None:
    recipe = load()
    changed = with_overrides(recipe, {"modalities.*.encoder.width": 3, "training.epochs": 2})
    assert changed.training.epochs == 2
    assert recipe == load()
    assert with_overrides(recipe, {}) == recipe


WRONG_VALUES = [
    ({"training.epochs": 0}, "training.epochs: needs a whole number of at least 1, not 0"),
    ({"training.epochs": 2.0}, "training.epochs: needs a whole number of at least 1, not 2.0"),
    ({"balancing.tau": 1}, "balancing.tau: 'tau' is an option of balancing 'arm', not of 'none'"),
    ({"training.lr": 1}, "training.lr: unknown path; did you mean 'training.optimizer.lr'?"),
    ({"sweep.objectives.0": "x"}, "sweep.objectives.0: sweep.objectives has no keys; set it whole"),
    (
        {"modalities.image.encoder.name": "mpl"},
        "modalities.image.encoder.name: no encoder is called 'mpl'; did you mean 'mlp'?",
    ),
    (
        {"modalities.audio.encoder.vocabulary": 3},
        "modalities.audio.encoder.vocabulary: 'vocabulary' is an option of encoder "
        "one of 'bag_of_words', 'embedding_bag', 'gru', 'temporal_cnn', 'transformer', "
        "not of 'mlp'",
    ),
    (
        {"training.optimizer.lr": float("nan")},
        "training.optimizer.lr: needs a number above 0, not .nan",
    ),
]


@pytest.mark.parametrize(("values", "message"), WRONG_VALUES, ids=[m for _, m in WRONG_VALUES])
def test_wrong_values(load: Load, values: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        with_overrides(load(), values)
    assert str(caught.value) == message


def test_a_fault_of_an_overridden_value_is_the_command_lines(load: Load) -> None:
    with pytest.raises(RecipeError) as caught:
        load("data={name: avmnist, splt: speakers}")
    assert str(caught.value) == "command line data.splt: unknown key; did you mean 'split'?"


def test_options_without_a_plugin_name_to_belong_to(load: Load) -> None:
    with pytest.raises(RecipeError) as caught:
        load("data.split=speakers", text=TEXT.replace("data: {name: avmnist}\n", ""))
    assert "command line data.split: data has no valid name; set data.name first" in str(
        caught.value
    )


ODD = ["no", "1e-3", "012", "0o17", "~", "", "null", "a: b", "# c", "ü", "1:30", "- x", "'", "a\nb"]


@pytest.mark.parametrize("text", ODD)
def test_odd_text_survives_being_written(load: Load, text: str) -> None:
    recipe = with_overrides(load(), {"data.root": text})
    assert load(text=dump_recipe(recipe)) == recipe


@pytest.mark.parametrize("number", [1e-5, 1e-8, 0.1, 3.0, 1e22, 5e-324, 123456789.123456789])
def test_numbers_survive_being_written(load: Load, number: float) -> None:
    recipe = with_overrides(load(), {"training.optimizer.lr": number})
    again = load(text=dump_recipe(recipe))
    assert again == recipe
    assert again.training.optimizer.lr == number


def test_a_whole_recipe_survives_being_written(load: Load) -> None:
    space = [{"training.optimizer.lr": {"log": [1e-5, 1e-2]}}, "spaces/x.yaml"]
    values = {"sweep.space": space, "sweep.confirm": None, "balancing.name": "arm"}
    recipe = with_overrides(load(), values)
    text = dump_recipe(recipe)
    assert load(text=text) == recipe
    assert dump_recipe(load(text=text)) == text
    assert text.startswith("name: small\n")


def test_a_part_that_cannot_serve_says_why(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def problem(self: NoPruning, objectives: int) -> str:
        return f"not {objectives}"

    monkeypatch.setattr(NoPruning, "problem", problem)
    with pytest.raises(RecipeError, match=r"sweep\.pruner\.name: not 2$"):
        load("sweep.objectives=[minimize loss, maximize accuracy]")
    with pytest.raises(RecipeError, match=r"sweep\.pruner\.name: not 1$"):
        load("sweep.objectives=[minimize loss, maximize accuracy]", "sweep.mode=scalar")


def test_a_single_modality_is_no_fault_without_balancing(load: Load) -> None:
    text = "\n".join(line for line in TEXT.splitlines() if "audio" not in line)
    assert list(load(text=text).modalities) == ["image"]
    with pytest.raises(RecipeError, match=r"balancing\.name: arm balances two modalities"):
        load("balancing.name=arm", text=text)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("a #c.npz", "a #c.npz"),
        ("#c.npz", "#c.npz"),
        (" a\t#b # c ", "a\t#b # c"),
        ("a#c.npz", "a#c.npz"),
        ("'a #c.npz'", "a #c.npz"),
    ],
)
def test_an_override_has_no_comment(load: Load, written: str, path: str) -> None:
    text = TEXT.replace("{name: avmnist}", "{name: arrays, path: old.npz}")
    assert get(load(f"data.path={written}", text=text), "data.path") == path


def test_a_number_before_a_hash_is_no_number(load: Load) -> None:
    with pytest.raises(RecipeError, match=r"training\.epochs: .*5 # five"):
        load("training.epochs=5 # five")
