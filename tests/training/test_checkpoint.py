"""A checkpoint is taken up only where it can be of this training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from armtune.errors import RunError
from armtune.training.checkpoint import Member
from armtune.training.loop import Run
from tests.conftest import toy_dataset, toy_recipe

SETTINGS = "a digest"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    run = Run([toy_recipe()], toy_dataset())
    run.advance()
    run.member(0).save(tmp_path / "checkpoint", SETTINGS)
    return tmp_path / "checkpoint"


def claiming(path: Path, **said: Any) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["member"])
    save_file(load_file(path), path, {"member": json.dumps({**about, **said})})


ODD = [{"epoch": "1"}, {"epoch": -1}, {"step": 1.5}, {"best": {"accuracy": "high"}}, {"best": 3}]


@pytest.mark.parametrize("said", [*ODD, {"diverged": None}])
def test_what_no_training_says_is_damage(path: Path, said: dict[str, Any]) -> None:
    claiming(path, **said)
    with pytest.raises(RunError, match="not a checkpoint of this training"):
        Member.load(path, SETTINGS)


def test_more_epochs_than_there_are_is_damage(path: Path) -> None:
    claiming(path, epoch=999)
    run = Run([toy_recipe()], toy_dataset())
    with pytest.raises(RunError, match="it has 999 epochs behind it"):
        run.adopt(0, Member.load(path, SETTINGS))
