"""Which training a checkpoint belongs to: a digest of all that decides how it goes on."""

from __future__ import annotations

from typing import Any

from armtune.data.cache import digest_of
from armtune.errors import RunError
from armtune.recipe.load import content_of
from armtune.recipe.schema import Recipe

FORMAT = 1
"""Of what a checkpoint holds; another number where a training can't take the old one up."""
ELSEWHERE = ("name", "data", "plugins", "sweep")
"""Parts of a recipe that don't decide how a training goes, or have a digest of their own: the data,
wherever they lie.
"""


class OtherSettingsError(RunError):
    """A checkpoint is sound, but of a training with other settings, other data or older code."""


def settings_digest(recipe: Recipe, data: str) -> str:
    """What all checkpoints of a training have in common, and no others.

    The members of a population go on from each other's checkpoints: what is searched doesn't tell
    them apart.

    Args:
        data: digest of the data.
    """
    content = {k: v for k, v in content_of(recipe).items() if k not in ELSEWHERE}
    del content["training"]["patience"]  # when a training ends says nothing of how it goes on
    for added in ("dropout", "label_smoothing", "mixup"):  # as checkpoints from before them have it
        if not content["training"][added]:
            del content["training"][added]
    for modality in content["modalities"].values():
        if not modality["augment"]:  # as checkpoints of 2026 had it
            del modality["augment"]
    if recipe.sweep.pruner.population:
        _drop(content, ["training", "schedule"])
        for space in recipe.sweep.space:
            for path in space if isinstance(space, dict) else ():
                _drop(content, path.split("."))
    return digest_of({"format": FORMAT, "data": data, "recipe": content})


def _drop(content: dict[str, Any], steps: list[str]) -> None:
    """Leaves a value out; ``*`` stands for every key."""
    first, *rest = steps
    for key in list(content) if first == "*" else [first]:
        if not rest:
            content.pop(key, None)
        elif isinstance(content.get(key), dict):
            _drop(content[key], rest)
