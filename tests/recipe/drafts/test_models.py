"""Pretrained models are proposed where they are at hand; else it is said how to get one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from armtune.cli import main
from armtune.datasets._load import load_dataset
from armtune.recipe.drafts.models import at_hand
from armtune.recipe.space import load_sweep, settled_by_data
from armtune.training.loop import train
from armtune.training.schedule import begin
from tests.encoders.tiny_models import make_model
from tests.recipe.drafts.inputs import WRITE


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a table of pictures; no cache and no models of others."""
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ARMTUNE_DATA", raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def drafted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[str, Any]:
    """A draft's text and content; it passes the check."""
    data, words = WRITE["csv_of_all"](folder)
    for given in (["init", data.name, *words, "--to", "own.yaml"], ["check", "own.yaml"]):
        monkeypatch.setattr(sys, "argv", ["armtune", *map(str, given)])
        with pytest.raises(SystemExit) as caught:
            main()
        assert not caught.value.code
    text = (folder / "own.yaml").read_text(encoding="utf-8")
    return text, yaml.safe_load(text)


def test_a_model_at_hand_is_proposed_and_trains(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model("vit", here / "tiny" / "vit")
    make_model("wav2vec2", here / "tiny" / "ear")
    text, content = drafted(monkeypatch, here)
    own = {"name": "huggingface", "path": "tiny/vit", "width": 64}
    assert content["modalities"]["photo"]["encoder"] == own
    assert content["data"]["image_size"] == 224
    assert "armtune fetch facebook" not in " ".join(text.replace("#", " ").split())
    overrides = ["training.epochs=2", "data.image_size=20"]
    recipe, space = load_sweep(here / "own.yaml", overrides)
    dataset = load_dataset(recipe, here)
    settled, _ = settled_by_data(recipe, space, dataset, here)
    run = begin([settled], dataset)
    train(run, lambda *_: None)
    assert 0 <= run.best[0]["accuracy"] <= 1
    assert run.scales["photo"].shape == (8,)


def test_else_a_comment_says_how_to_get_one(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "half").mkdir()
    (here / "half" / "config.json").write_text('{"model_type": "vit"}')
    (here / "broken").mkdir()
    (here / "broken" / "config.json").write_text("{")
    text, content = drafted(monkeypatch, here)
    assert content["modalities"]["photo"]["encoder"] == {"name": "auto"}
    assert "armtune fetch facebook/dinov2-small" in " ".join(text.replace("#", " ").split())


def test_models_are_found_by_what_they_read(here: Path) -> None:
    for kind in ("clip", "whisper"):
        make_model(kind, here / kind)
    assert at_hand("images", here) == "clip"
    assert at_hand("sound", here) == "whisper"
    assert at_hand("images", here / "clip") is None
