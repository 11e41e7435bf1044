"""The sweep: what to try, where to run it, when to stop it, and what came back.

``study.journal`` in the run's folder is the only record of trials. ``Search`` decides, one step of
one trial at a time; an engine (``inline`` or ``ray_tune``) trains what it hands out. This module is
the way in; it imports neither Ray, Optuna nor torch before a sweep starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from armtune.sweeps.study.records import (
    Listener,
    SweepResult,
    SweepStart,
    TrialRecord,
    front_of,
)
from armtune.sweeps.workers.trial import Confirmation

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe
    from armtune.sweeps.study.lineage import Segment
    from armtune.sweeps.study.reader import StudyReader

__all__ = [
    "Confirmation",
    "Listener",
    "SweepResult",
    "SweepStart",
    "TrialRecord",
    "front_of",
    "read_confirmed",
    "read_lineages",
    "read_records",
    "read_result",
    "sweep",
]


def sweep(
    recipe: Recipe,
    folder: Path,
    recipe_folder: Path,
    *,
    listeners: Sequence[Listener] = (),
    resume: bool = False,
    inline: bool = False,
    address: str | None = None,
    before: Mapping[str, float] | None = None,
) -> SweepResult:
    """Runs a recipe's sweep, or goes on with it.

    Args:
        folder: the run's folder, ``runs/<name>``.
        recipe_folder: the recipe's folder, from which its relative paths are taken.
        listeners: told about everything, in this process.
        resume: go on with what the folder holds; in an empty folder the sweep just starts.
        inline: train in this process, one trial after the other, without Ray.
        address: address of a running Ray cluster; None starts Ray on this machine.
        before: seconds that were spent on it before, by part as ``study.costs`` names them.

    Raises:
        RunError: the folder holds a sweep and ``resume`` wasn't asked for, holds one of another
            recipe or other data, is in use, or can't be written; or every trial failed.
        RecipeError: the recipe or its space can't be swept.
        DataError: the data can't be read.
        KeyboardInterrupt: Ctrl-C; trials that were running go on with ``resume``.
    """
    from armtune.sweeps.run import Place, run_sweep

    place = Place(folder, recipe_folder, resume, inline, address)
    return run_sweep(recipe, place, listeners, before=before)


def read_records(folder: Path) -> list[TrialRecord]:
    """All trials of a run, in the order of their numbers, from its journal alone.

    Raises:
        RunError: the folder holds no study, or a damaged one.
    """
    from armtune.sweeps.study.reader import read_study

    return read_study(folder).records()


def read_confirmed(folder: Path) -> dict[int, list[Confirmation]]:
    """What the re-trainings of a run measured, by trial, from its journal alone.

    Raises:
        RunError: the folder holds no study, or a damaged one.
    """
    from armtune.sweeps.study.reader import read_study

    return read_study(folder).confirmed()


def read_lineages(folder: Path) -> dict[int, list[Segment]]:
    """What each trial's model has behind it, from a run's journal; empty but for a population.

    Raises:
        RunError: the folder holds no study, or a damaged one.
    """
    from armtune.sweeps.study.reader import read_study

    return read_study(folder).lineages()


def read_result(folder: Path, study: StudyReader | None = None) -> SweepResult:
    """What a run has found so far, from its journal and its recipe, of which no file is run.

    Args:
        study: the run's, where it was read.

    Raises:
        RunError: the folder holds no study, or a damaged one.
        RecipeError: its recipe is missing or damaged.
    """
    from armtune.recipe.looking import look
    from armtune.sweeps.study.folder import RECIPE
    from armtune.sweeps.study.reader import read_study
    from armtune.sweeps.study.result import result_of

    study = study or read_study(folder)
    seen = look(folder / RECIPE)
    found = result_of(folder, seen.recipe, study)
    return replace(found, notes=[seen.left_out, *found.notes]) if seen.left_out else found
