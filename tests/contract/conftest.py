"""Tiny models for the encoders that read pretrained ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.encoders import Encoder
from armtune.encoders.huggingface import HuggingFace
from armtune.encoders.static_embeddings import StaticEmbeddings
from tests.data import tokenizer_files


def about(request: pytest.FixtureRequest, encoder: type[Encoder]) -> bool:
    """Whether a test is about an encoder, by its name or its class."""
    callspec = getattr(request.node, "callspec", None)
    values = callspec.params.values() if callspec else ()
    own = (encoder.model_fields["name"].default, encoder)
    return any(value in own for value in values if isinstance(value, str | type))


@pytest.fixture(autouse=True)
def pretrained(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets ``huggingface`` find its default folder."""
    if about(request, HuggingFace):
        monkeypatch.setenv("ARMTUNE_DATA", str(request.getfixturevalue("tiny_bert").parent))


@pytest.fixture(autouse=True)
def vectors(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Lets ``static_embeddings`` find its default folder."""
    if about(request, StaticEmbeddings):
        tokenizer_files.write(tmp_path / StaticEmbeddings().path)
        monkeypatch.setenv("ARMTUNE_DATA", str(tmp_path))
