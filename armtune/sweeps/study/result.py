"""What a sweep found, by the recipe's rules, from the study's records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from armtune.errors import RunError
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.confirm import Seeds, best_of, chosen_of, winner_of
from armtune.sweeps.study.estimate import estimate_error, read_estimate
from armtune.sweeps.study.records import SweepResult, TrialRecord, front_of
from armtune.sweeps.study.study import StudyReader
from armtune.sweeps.workers.trial import Confirmation


def result_of(folder: Path, recipe: Recipe, study: StudyReader) -> SweepResult:
    """The front, the re-trainings of its best, and the winner; of a sweep that may still run."""
    goals = Goals.from_recipe(recipe)
    records = study.records()
    front = [records[n] for n in front_of(records, goals)]
    confirmed = _confirmed(recipe, goals, front, study)
    standing = {record.number: record.metrics for record in front}
    chosen = chosen_of(standing, _seeds(confirmed), goals.choice)
    return SweepResult(
        folder,
        records,
        [r.number for r in front],
        chosen,
        confirmed,
        [*_notes(recipe, goals, front, confirmed), *_about(folder, recipe, study)],
        {} if chosen is None else study.solo(chosen),
        study.references(),
    )


def _about(folder: Path, recipe: Recipe, study: StudyReader) -> Iterator[str]:
    """What is known of how the sweep went: its sampler, what its trials met, and how far off its
    estimate was.
    """
    yield from study.notes()
    if recipe.sweep.sampler.name == "auto":
        yield f"sweep.sampler: auto settled on {study.sampler}"
    try:
        estimate = read_estimate(folder)
    except RunError as error:  # a sweep doesn't end for a guess that can't be read
        yield f"{error}; the estimate isn't compared"
        return
    if estimate and (line := estimate_error(estimate, study.records())):
        yield line


def _confirmed(
    recipe: Recipe, goals: Goals, front: Sequence[TrialRecord], study: StudyReader
) -> dict[int, list[Confirmation]]:
    """The re-trainings of the trials that the recipe wants re-trained."""
    if recipe.sweep.confirm is None:
        return {}
    best = best_of(front, goals.choice, recipe.sweep.confirm.top)
    known = study.confirmed()
    return {number: known[number] for number in best if number in known}


def _seeds(confirmed: Mapping[int, Sequence[Confirmation]]) -> dict[int, Seeds]:
    return {n: [c.validation for c in seeds] for n, seeds in confirmed.items()}


def _notes(
    recipe: Recipe,
    goals: Goals,
    front: Sequence[TrialRecord],
    confirmed: Mapping[int, Sequence[Confirmation]],
) -> list[str]:
    """What the user should know of the result."""
    notes = [
        f"trial {n} failed when re-trained with seed {c.seed}: {c.reason}"
        for n, seeds in confirmed.items()
        for c in seeds
        if c.reason
    ]
    rule = f"sweep.choose: {recipe.sweep.choose}"
    metrics = [record.metrics for record in front]
    if any(any(goals.standing(m).violations) for m in metrics):
        notes.append("no trial meets the constraints; the front holds those that come closest")
    if front and goals.choice.pick(metrics) is None:
        notes.append(f"no trial of the front qualifies for {rule}")
    elif confirmed and winner_of(_seeds(confirmed), goals.choice) is None:
        notes.append(f"no re-trained trial qualifies for {rule}; its pick before that stands")
    return notes
