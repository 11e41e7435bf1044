"""Each modality alone, with a sweep of its own: what any method has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from armtune.comparison.plan import Contender, written
from armtune.recipe.document import Document
from armtune.recipe.entries import Entry, read_entries
from armtune.recipe.load import content_of, with_overrides
from armtune.recipe.schema import Recipe
from armtune.recipe.variants import alone


def alone_contenders(recipe: Recipe, folder: Path) -> list[Contender]:
    """A contender for each modality, with the trials and ranges that a method's sweep has.

    Of the ranges those about balancing and about other modalities are left out. It is judged by
    the score alone, since a single modality has no gap and no head beside the decision.

    Args:
        folder: the recipe's folder, from which its spaces' files are taken.
    """
    return [_contender(recipe, folder, modality) for modality in recipe.modalities]


def _contender(recipe: Recipe, folder: Path, modality: str) -> Contender:
    entries = read_entries(recipe.sweep.space, Document(content_of(recipe)), folder).good
    space = written(entry for entry in entries if _serves(entry, modality))
    score = recipe.data.predicts.score
    goals: Mapping[str, Any] = {
        "name": f"{recipe.name}-alone-{modality}",
        "sweep.objectives": [f"maximize {score}"],
        "sweep.constraints": [],
        "sweep.mode": "pareto",
        "sweep.weights": {},
        "sweep.ideal": {},
        "sweep.choose": f"highest {score}",
        "sweep.confirm.outputs": True,
        "sweep.space": [space] if space else [],
    }
    changed = with_overrides(alone(recipe, modality), goals)
    return Contender(called(modality), changed)


def called(modality: str) -> str:
    """What the sweep of a modality alone is called."""
    return f"alone-{modality}"


def _serves(entry: Entry, modality: str) -> bool:
    """Whether a range is about nothing that a sweep of one modality lacks."""
    paths = (entry.path.split("."), *(path.split(".") for path in entry.dimension.when))
    return all(
        steps[0] != "balancing" and (steps[0] != "modalities" or steps[1] in ("*", modality))
        for steps in paths
    )
