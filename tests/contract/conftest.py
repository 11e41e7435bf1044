"""Tiny models for the encoders that read pretrained ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.encoders.huggingface import HuggingFace
from armtune.encoders.static_embeddings import StaticEmbeddings
from tests.data import tokenizer_files


@pytest.fixture(autouse=True)
def pretrained(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets ``huggingface`` find its default folder, in the tests that are about it."""
    callspec = getattr(request.node, "callspec", None)
    named = callspec.params.values() if callspec else ()
    if any(
        value in ("huggingface", HuggingFace) for value in named if isinstance(value, str | type)
    ):
        monkeypatch.setenv("ARMTUNE_DATA", str(request.getfixturevalue("tiny_bert").parent))


@pytest.fixture(autouse=True)
def vectors(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Lets ``static_embeddings`` find its default folder."""
    callspec = getattr(request.node, "callspec", None)
    if callspec and callspec.params.get("name") == StaticEmbeddings().name:
        tokenizer_files.write(tmp_path / StaticEmbeddings().path)
        monkeypatch.setenv("ARMTUNE_DATA", str(tmp_path))
