"""What the data's shapes refuse of a recipe, and only what holds for every trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from armtune.errors import RecipeError
from armtune.recipe.load import with_overrides
from armtune.recipe.shape_checks import refuse_unread
from armtune.recipe.space import load_space
from tests.conftest import toy_recipe

SHAPES = {"image": (8, 8), "audio": (7,)}
LENET = "lenet reads images (height, width) or (channel, height, width), not (7,)"
NAME = "modalities.audio.encoder.name"


def refused(space: dict[str, Any], **audio: Any) -> list[str]:
    """The notes on a recipe with an encoder and a space for its modality ``audio``."""
    recipe = toy_recipe(SHAPES)
    changed = {f"modalities.audio.encoder.{k}": v for k, v in audio.items()}
    recipe = with_overrides(recipe, {**changed, "sweep.space": [space] if space else []})
    return refuse_unread(recipe, load_space(recipe, Path()).dimensions, SHAPES)


def test_a_shape_that_its_encoder_cannot_read_is_refused_with_those_that_can() -> None:
    with pytest.raises(RecipeError) as caught:
        refused({}, name="lenet")
    [fault] = caught.value.faults
    assert (fault.path, fault.message) == (NAME, LENET)
    assert fault.hint.startswith("these read it: ")
    assert "mlp" in fault.hint
    assert "lenet" not in fault.hint


def test_what_fits_is_taken_without_a_word() -> None:
    assert refused({"modalities.audio.encoder.width": {"int": [8, 16]}}, name="mlp") == []


def test_a_searched_choice_that_does_not_fit_is_named_where_another_does() -> None:
    notes = refused({NAME: {"choice": ["lenet", "mlp"]}}, name="lenet")
    assert notes == [f"{NAME}: {LENET}; trials that draw it will fail"]


def test_where_no_searched_choice_fits_all_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"lenet reads .*; gru reads sequences .* not \(7,\)"):
        refused({NAME: {"choice": ["lenet", "gru"]}}, name="mlp")


def test_an_option_that_is_searched_may_make_it_fit() -> None:
    space = {"modalities.audio.encoder.vocabulary": {"choice": [0, 20]}}
    assert refused(space, name="gru") == []
    with pytest.raises(RecipeError, match="gru reads sequences"):
        refused({"modalities.audio.encoder.width": {"int": [8, 16]}}, name="gru")


def test_the_own_encoder_counts_where_a_condition_keeps_it() -> None:
    space = {
        "balancing.name": {"choice": ["none", "arm"]},
        NAME: {"choice": ["lenet", "gru"], "when": {"balancing.name": "arm"}},
    }
    assert len(refused(space, name="mlp")) == 2


def augmented(augment: dict[str, Any], space: dict[str, Any] | None = None) -> list[str]:
    values = {"modalities.audio.augment": augment, "sweep.space": [space] if space else []}
    recipe = with_overrides(toy_recipe(SHAPES), values)
    return refuse_unread(recipe, load_space(recipe, Path()).dimensions, SHAPES)


def test_an_augmentation_of_other_samples_is_refused_with_those_that_fit() -> None:
    with pytest.raises(RecipeError) as caught:
        augmented({"shift": {}, "crop": {}})
    [fault] = caught.value.faults
    assert fault.path == "modalities.audio.augment.crop"
    assert fault.message == (
        "crop changes pictures (height, width) or (channel, height, width) and films "
        "(frame, channel, height, width), not (7,)"
    )
    assert fault.hint == "these change it: gain, noise, shift"


def test_an_augmentations_strength_can_be_searched() -> None:
    searched = {"modalities.audio.augment.noise.scale": {"uniform": [0, 1]}}
    assert augmented({"noise": {}}, searched) == []
    with pytest.raises(RecipeError, match=r"noise\.scale: no recipe has this path"):
        augmented({}, searched)


def test_sound_of_another_rate_than_the_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "wav2vec2"}')
    (tmp_path / "preprocessor_config.json").write_text('{"sampling_rate": 16000}')
    encoder = {"name": "huggingface", "path": str(tmp_path)}
    shapes = {"image": (8, 8), "audio": (800,)}

    def check(**data: Any) -> list[str]:
        columns = {m: [m] for m in shapes}
        table = {"name": "table", "path": "t.csv", "label": "kind", "columns": columns, **data}
        content = {**toy_recipe(shapes).model_dump(), "data": table}
        content["modalities"]["audio"]["encoder"] = encoder
        return refuse_unread(type(toy_recipe()).model_validate(content), [], shapes)

    with pytest.raises(RecipeError) as caught:
        check(sound="wave", rate=8000)
    [fault] = caught.value.faults
    assert (fault.path, fault.hint) == ("data.rate", "data.rate: 16000")
    assert fault.message == "the model of audio reads 16000 samples a second, not 8000"
    assert check(sound="wave", rate=16000) == check(rate=8000) == []
