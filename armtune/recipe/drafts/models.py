"""Pretrained models that are at hand where a recipe is drafted, and how to get one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from armtune.data.downloads import model_folders
from armtune.errors import DataError
from armtune.nn.architectures import CONFIG, Reads, read_settings, towers
from armtune.recipe.machine import lacking_packages

EXAMPLES: dict[Reads, str] = {
    "images": "facebook/dinov2-small", "sound": "facebook/wav2vec2-base",
}  # fmt: skip
"""A model of each kind that does without a login."""
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
