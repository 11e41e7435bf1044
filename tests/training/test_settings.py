"""A checkpoint is taken up by the training that it belongs to, and by no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from armtune.data import Dataset
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.training import settings
from armtune.training.loop import Run
from armtune.training.settings import OtherSettingsError, settings_digest
from tests.conftest import toy_dataset, toy_recipe


def digest(**changes: Any) -> str:
    changed = {k.replace("__", "."): v for k, v in changes.items()}
    return settings_digest(with_overrides(toy_recipe(), changed), "data")


@pytest.mark.parametrize(
    "change",
    [
        {"training__optimizer__lr": 0.5},
        {"training__seed": 7},
        {"training__epochs": 99},
        {"training__batch_size": 3},
        {"balancing": {"name": "ogm"}},
        {"fusion": {"name": "concat", "dim": 3}},
        {"modalities.image.encoder.width": 3},
        {"training__clip_norm": 3.0},
    ],
)
def test_whatever_decides_how_a_training_goes_tells_checkpoints_apart(
    change: dict[str, Any],
) -> None:
    assert digest(**change) != digest()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another"},
        {"data__path": "elsewhere.npz"},
        {"sweep__trials": 99},
        {"sweep__resources": {"cpu": 3}},
        {"sweep__space": [{"training.optimizer.lr": {"log": [1e-4, 0.1]}}]},
    ],
)
def test_whatever_does_not_leaves_them_alike(change: dict[str, Any]) -> None:
    assert digest(**change) == digest()


def test_other_data_and_other_code_tell_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    assert settings_digest(toy_recipe(), "other") != before
    monkeypatch.setattr(settings, "FORMAT", settings.FORMAT + 1)
    assert digest() != before


def test_members_of_a_population_take_each_others_up() -> None:
    space = {
        "training.optimizer.lr": {"log": [1e-4, 0.1]},
        "modalities.*.lr_scale": {"log": [0.1, 10]},
    }
    sweep = {"sweep__space": [space], "sweep__pruner": {"name": "pbt"}, "sweep__trials": 4}
    first = digest(**sweep)
    again = {"training__schedule": [{"epoch": 1, "values": {"training.optimizer.lr": 0.3}}]}
    searched = {"training__optimizer__lr": 0.5, "modalities.*.lr_scale": 3.0}
    assert digest(**sweep, **searched, **again) == first
    assert digest(**sweep, training__batch_size=3) != first


def checkpoint(folder: Path, recipe: Recipe, data: Dataset | None = None) -> Path:
    path = folder / "checkpoint.safetensors"
    run = Run([recipe], data or toy_dataset())
    run.advance()
    run.save(path)
    return path


@pytest.mark.parametrize("change", [{"training.optimizer.lr": 0.5}, {"training.seed": 7}])
def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = checkpoint(tmp_path, toy_recipe())
    other = Run([with_overrides(toy_recipe(), change)], toy_dataset())
    with pytest.raises(
        OtherSettingsError,
        match=r"checkpoint\.safetensors: not a checkpoint of this.*other settings",
    ):
        other.restore(path)
    with pytest.raises(OtherSettingsError):
        other.resume([path])
    assert other.epochs == [0]
    same = Run([toy_recipe()], toy_dataset())
    same.restore(path)
    assert same.epochs == [1]


def test_one_that_does_not_say_its_settings_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, toy_recipe())
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["member"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del about["settings"]
    save_file(tensors, path, {"member": json.dumps(about)})
    with pytest.raises(OtherSettingsError):
        Run([toy_recipe()], toy_dataset()).restore(path)
