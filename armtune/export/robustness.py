"""What a model is worth where a modality fails: it is absent, noisy, or of something else."""

from __future__ import annotations

import time
from typing import Any

from torch import Tensor

from armtune.export.held_out import HeldOut, anothers, noise
from armtune.recipe.schema import Recipe

PATIENCE = 60.0
"""Seconds that all of it may take: measured by the time that one pass took."""
KINDS = 2
"""Ways in which each modality fails."""


def robustness(recipe: Recipe, held: HeldOut, outputs: Tensor, seconds: float) -> dict[str, Any]:
    """The score with one modality at a time failing, by modality and by what it has instead.

    ``noise`` adds Gaussian noise of one standard deviation, where values have one; ``another`` is
    another sample's. Absence is measured in training. Nothing where it would take too long.

    Args:
        outputs: of the model as it is, which took so many seconds to compute.
    """
    if seconds * KINDS * len(recipe.modalities) > PATIENCE:
        return {}
    found: dict[str, Any] = {"intact": held.score(outputs), "samples": len(held.labels)}
    found["modalities"] = {m: _failing(held, m) for m in recipe.modalities}
    return found


def _failing(held: HeldOut, modality: str) -> dict[str, float]:
    scores = {"another": held.score(held.outputs(modality, anothers))}
    if held.scalings[modality] != "unchanged":
        scores["noise"] = held.score(held.outputs(modality, noise()))
    return scores


def timed_outputs(held: HeldOut) -> tuple[Tensor, float]:
    """The outputs of a model as it is, and the seconds that they took."""
    started = time.perf_counter()
    outputs = held.outputs()
    return outputs, time.perf_counter() - started
