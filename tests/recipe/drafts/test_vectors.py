"""Vectors of tokens in drafted recipes: proposed where they are at hand, else told how to get."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from armtune.cli import main
from armtune.datasets._load import load_dataset
from armtune.recipe.drafts.models import vectors_at_hand
from armtune.recipe.load import load_recipe
from armtune.training.loop import Run, train
from tests.data import tokenizer_files
from tests.recipe.drafts.inputs import WRITE


@pytest.fixture
def drafted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ``armtune init`` writes the recipe of a table with texts."""
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ARMTUNE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    table, words = WRITE["parquet_table"](tmp_path)
    monkeypatch.setattr(sys, "argv", ["armtune", "init", str(table), *words, "--to", "own.yaml"])
    return tmp_path / "own.yaml"


def draft() -> None:
    with pytest.raises(SystemExit) as caught:
        main()
    assert not caught.value.code


def test_those_at_hand_are_taken_and_learnt_from(drafted: Path) -> None:
    tokenizer_files.write(drafted.parent / "words" / "small")
    draft()
    recipe = load_recipe(drafted)
    encoder = recipe.modalities["notes"].encoder.model_dump()
    assert (encoder["name"], encoder["width"]) == ("static_embeddings", 64)
    assert recipe.data.model_dump()["tokenizers"] == {"notes": "words/small"}
    recipe = load_recipe(drafted, ["training.epochs=1", "training.folds=1"])
    train(Run([recipe], load_dataset(recipe, drafted.parent)), lambda *_: None)


def test_else_a_comment_says_how_to_get_some(drafted: Path) -> None:
    draft()
    text = " ".join(drafted.read_text().replace("#", "").split())
    assert "armtune fetch minishlab/potion-base-8M" in text
    assert "tokenizers: {notes: minishlab/potion-base-8M}" in text
    assert load_recipe(drafted).modalities["notes"].encoder.name == "auto"


def test_a_folder_of_another_model_is_none(tmp_path: Path) -> None:
    own = tokenizer_files.write(tmp_path / "own").parent
    assert vectors_at_hand(tmp_path) == "own"
    (own / "model.safetensors").write_bytes(b"no safetensors")
    assert vectors_at_hand(tmp_path) is None
    (own / "model.safetensors").unlink()
    assert vectors_at_hand(tmp_path) is None
