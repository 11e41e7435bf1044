"""A small tokenizer of words, and vectors of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WORDS = ("[PAD]", "[UNK]", "red", "green", "blue", "thing", "number", "old", "new", "tag")
WIDTH = 6


def definition() -> str:
    """A ``tokenizer.json`` of a vocabulary of whole words, lower-cased."""
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: number for number, word in enumerate(WORDS)},
            "unk_token": "[UNK]",
        },
    }
    return json.dumps(content)


def write(folder: Path) -> Path:
    """The tokenizer and a vector for each of its words, as model2vec has them."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), WIDTH))
    save_file({"embeddings": vectors.astype(np.float16)}, folder / "model.safetensors")
    file = folder / "tokenizer.json"
    file.write_text(definition(), encoding="utf-8")
    return file
