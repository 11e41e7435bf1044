"""A tiny model for the encoder that reads a folder of the Hugging Face Hub."""

from __future__ import annotations

import pytest

from armtune.encoders.huggingface import HuggingFace


@pytest.fixture(autouse=True)
def pretrained(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets ``huggingface`` find its default folder, in the tests that are about it."""
    callspec = getattr(request.node, "callspec", None)
    named = callspec.params.values() if callspec else ()
    if any(
        value in ("huggingface", HuggingFace) for value in named if isinstance(value, str | type)
    ):
        monkeypatch.setenv("ARMTUNE_DATA", str(request.getfixturevalue("tiny_bert").parent))
