"""Pretrained models that are at hand where a recipe is drafted, and how to get one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from armtune.data.downloads import model_folders
from armtune.data.tokenizer import FILE as TOKENIZER
from armtune.errors import DataError
from armtune.nn.architectures import CONFIG, Reads, read_settings, towers
from armtune.nn.vector_files import FILE as TABLE
from armtune.nn.vector_files import is_table
from armtune.recipe.machine import lacking_packages

EXAMPLES: dict[Reads, str] = {
    "images": "facebook/dinov2-small", "sound": "facebook/wav2vec2-base",
}  # fmt: skip
"""A model of each kind that does without a login."""
VECTORS = "minishlab/potion-base-8M"
"""Vectors of tokens that do without one."""
WIDTH = 64
"""Units of the layer that learns from its features."""


def at_hand(reads: Reads, folder: Path) -> str | None:
    """The first model, by name, that reads such samples, as a recipe names it; None for none.

    Args:
        folder: where the recipe goes.
    """
    if lacking_packages("huggingface"):
        return None
    found = (name for place in model_folders(folder) for name in _models(place, reads))
    return min(found, default=None)


def encoder(name: str) -> dict[str, object]:
    """A recipe's encoder that learns from a model's features."""
    return {"name": "huggingface", "path": name, "width": WIDTH}


def hint(reads: Reads) -> str:
    """How a model can be had that reads such samples."""
    example = EXAMPLES[reads]
    return (
        f"a pretrained model is likely to know more: armtune fetch {example}, then encoder: "
        f"{{name: huggingface, path: {example}, width: {WIDTH}}}"
    )


def vectors_at_hand(folder: Path) -> str | None:
    """The first folder, by name, of vectors of tokens with their tokenizer; None for none.

    Args:
        folder: where the recipe goes.
    """
    if find_spec("tokenizers") is None:
        return None
    found = (name for place in model_folders(folder) for name in _vectors(place))
    return min(found, default=None)


def vectors_encoder(name: str) -> dict[str, object]:
    """A recipe's encoder that learns from vectors of tokens."""
    return {"name": "static_embeddings", "path": name, "width": WIDTH}


def vectors_hint(modality: str) -> str:
    """How vectors of tokens can be had."""
    return (
        f"vectors that much text taught know words that are rare here: armtune fetch {VECTORS}, "
        f"then encoder: {{name: static_embeddings, path: {VECTORS}}} and, under data, "
        f"tokenizers: {{{modality}: {VECTORS}}}"
    )


def _vectors(place: Path) -> Iterator[str]:
    """Names of a folder's vectors of tokens that have a tokenizer, with or without an owner's."""
    for file in (*place.glob(f"*/{TOKENIZER}"), *place.glob(f"*/*/{TOKENIZER}")):
        if is_table(file.parent / TABLE):
            yield file.parent.relative_to(place).as_posix()


def _models(place: Path, reads: Reads) -> Iterator[str]:
    """Names of a folder's models that read such samples, with or without an owner's."""
    for config in (*place.glob(f"*/{CONFIG}"), *place.glob(f"*/*/{CONFIG}")):
        own = config.parent
        try:
            kind = str(read_settings(own, CONFIG).get("model_type"))
        except DataError:
            continue
        weights = next(own.glob("*.safetensors"), None)
        if weights and any(tower.reads == reads for tower in towers(kind)):
            yield own.relative_to(place).as_posix()
