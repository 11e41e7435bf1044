"""Each modality alone, with the winner's settings: what joint training ought to preserve."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.recipe.variants import alone
from armtune.sweeps.study.confirm import confirming_seeds
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.workers.trial import METRICS, Confirmation, Metrics, Task


def solo_tasks(
    recipe: Recipe, folder: Path, winner: TrialRecord, done: Mapping[str, Sequence[Confirmation]]
) -> list[Task]:
    """The trainings still to be done: each modality with each confirming seed.

    Args:
        folder: the run's folder.
        done: what was trained before, by modality.
    """
    if recipe.sweep.confirm is None or not recipe.sweep.confirm.solo or len(recipe.modalities) < 2:
        return []
    known = {(m, c.seed) for m, seeds in done.items() for c in seeds}
    return [
        _task(recipe, folder, winner, modality, seed)
        for seed in confirming_seeds(recipe)
        for modality in recipe.modalities
        if (modality, seed) not in known
    ]


def modality_of(task: Task) -> str:
    """The modality that a solo task trains."""
    (modality,) = task.recipe.modalities
    return modality


def read_curve(folder: Path) -> list[Metrics]:
    """The metrics of each epoch that a training wrote down."""
    lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _task(recipe: Recipe, folder: Path, winner: TrialRecord, modality: str, seed: int) -> Task:
    changed = with_overrides(recipe, {**winner.values, "training.seed": seed})
    place = folder / "confirm" / f"{winner.number:04d}-{modality}-{seed}"
    return Task(winner.number, alone(changed, modality), place)
