"""What a sweep found, by the recipe's rules, from the study's records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, nan
from pathlib import Path

from armtune.errors import RunError
from armtune.metrics import ERROR
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.confirm import Seeds, best_of, chosen_of, sound_means, winner_of
from armtune.sweeps.study.estimate import estimate_error, read_estimate
from armtune.sweeps.study.patience import Patience
from armtune.sweeps.study.reader import StudyReader
from armtune.sweeps.study.records import (
    Ensemble,
    SweepResult,
    TrialRecord,
    candidates_of,
    front_of,
)
from armtune.sweeps.workers.trial import Confirmation, Metrics


def result_of(folder: Path, recipe: Recipe, study: StudyReader) -> SweepResult:
    """The front, the re-trainings of its best, and the winner; of a sweep that may still run."""
    goals = Goals.from_recipe(recipe)
    records = study.records()
    front = [records[n] for n in front_of(records, goals)]
    candidates = candidates_of(records, goals)
    confirmed = _confirmed(recipe, goals, candidates, study)
    standing = {record.number: record.metrics for record in candidates}
    chosen = chosen_of(standing, _seeds(confirmed), goals.choice)
    return SweepResult(
        folder,
        records,
        [r.number for r in front],
        chosen,
        confirmed,
        [
            *_notes(recipe, goals, front, confirmed),
            *_preferred(goals, standing, confirmed, chosen),
            *_cut_short(recipe, study, records),
            *_last(recipe, study),
            *_about(folder, recipe, study),
        ],
        {} if chosen is None else study.solo(chosen),
        study.references(),
        study.finals(),
        study.ensemble(),
    )


def _preferred(
    goals: Goals,
    standing: Mapping[int, Metrics],
    confirmed: Mapping[int, Sequence[Confirmation]],
    chosen: int | None,
) -> Iterator[str]:
    """Says which better trial the chosen one was preferred to, and that chance may be why."""
    best, then = goals.choice.objective, goals.choice.then
    means = sound_means(_seeds(confirmed))
    known = means if chosen in means else standing
    if chosen is None or best is None or then is None or len(known) < 2:
        return
    top = min(known, key=lambda n: best.loss(known[n]) if best.metric in known[n] else inf)
    if top != chosen and best.loss(known[top]) < best.loss(known[chosen]):
        values = [known[n][best.metric] for n in (top, chosen)]
        error, word = known[top][ERROR], "lower" if then.direction == "minimize" else "higher"
        yield (
            f"trial {chosen}, whose {then.metric} is {word}, was chosen over trial {top}: "
            f"{best.metric} {values[1]:.4f} against {values[0]:.4f} is within one standard error, "
            f"{error:.4f}"
        )


def _cut_short(recipe: Recipe, study: StudyReader, records: Sequence[TrialRecord]) -> Iterator[str]:
    """Says that not all trials were worth their while, and no time was for all re-trainings."""
    if said := Patience(recipe, records).said:
        yield f"sweep.patience ended the search after {len(records)} trials: {said}"
    confirm, seeds = recipe.sweep.confirm, study.seeds_in_time
    if confirm is not None and seeds is not None and seeds < confirm.seeds:
        yield f"sweep.seconds left time for {seeds} of {confirm.seeds} seeds of re-training"


def _last(recipe: Recipe, study: StudyReader) -> Iterator[str]:
    """What is known of the last trainings: those that failed, and what an ensemble would gain."""
    for model, end in study.finals().items():
        if end.reason:
            what = " on all data" if model.epochs else ""
            yield f"trial {model.number} failed with seed {model.seed}{what}: {end.reason}"
    if ensemble := study.ensemble():
        yield f"{_beside(ensemble, Goals.from_recipe(recipe))}: {_verdict(ensemble)}"


def _beside(ensemble: Ensemble, goals: Goals) -> str:
    """An ensemble's figures and the chosen trial's, by what the rule of choice reads."""
    # Where near-equals are told apart by a second metric, the first alone wouldn't say why.
    read = [goals.objectives[0].metric, *([goals.choice.then.metric] if goals.choice.then else [])]
    pairs = [(ensemble.validation.get(m, nan), ensemble.single.get(m, nan)) for m in read]
    said = [
        f"{m} {mixed:.4f} against {one:.4f}" for m, (mixed, one) in zip(read, pairs, strict=True)
    ]
    return f"the ensemble beside the chosen trial, on validation: {', '.join(said)}"


def _verdict(ensemble: Ensemble) -> str:
    """What follows from an ensemble's figures."""
    if not ensemble.wins:
        return "by the rule of choice it is no better, so the trial is exported"
    if not ensemble.test:
        return "but a model of it is missing, so the trial is exported"
    count = len(ensemble.weights)
    return f"it is exported, with {count} model{'s' * (count > 1)}"


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
