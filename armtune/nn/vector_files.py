"""Files of pretrained vectors of tokens, told apart without reading them whole."""

from __future__ import annotations

from pathlib import Path

FILE = "model.safetensors"
TABLES = ("embeddings", "embedding.weight")
"""What files call the table: model2vec's, and sentence-transformers' and wordllama's."""


def is_table(path: Path) -> bool:
    """Whether it is a file of vectors of tokens."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return any(name in file.keys() for name in TABLES)  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError):
        return False
