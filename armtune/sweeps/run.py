"""A sweep from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from armtune.data import Dataset
from armtune.errors import RunError
from armtune.files import exists, storage_told
from armtune.recipe.automatic import is_open, resolved
from armtune.recipe.data_notes import data_notes
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space, load_space
from armtune.recipe.start_checks import check_searched, described
from armtune.references import process
from armtune.sweeps.engines.engine import Engine, Retrainings, check_inline
from armtune.sweeps.engines.inline import Inline
from armtune.sweeps.study.beginning import in_time, told
from armtune.sweeps.study.confirm import best_of, tasks_for, with_models
from armtune.sweeps.study.costs import ENSEMBLE, PICTURES, Beginning, Ledger
from armtune.sweeps.study.estimate import busy_seconds
from armtune.sweeps.study.final import Final
from armtune.sweeps.study.first_values import start_values
from armtune.sweeps.study.folder import RECIPE, enter, may_start, self_contained
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.lineage import LINEAGE, write_lineage
from armtune.sweeps.study.lock import locked
from armtune.sweeps.study.records import (
    MOST_MODELS,
    Listener,
    SweepResult,
    SweepStart,
    TrialRecord,
    candidates_of,
    front_of,
    write_front,
)
from armtune.sweeps.study.result import result_of
from armtune.sweeps.study.search import Search
from armtune.sweeps.study.solo import modality_of, read_curve, solo_tasks
from armtune.sweeps.study.study import SweepStudy
from armtune.sweeps.study.time_budget import TimeBudget
from armtune.sweeps.workers.trial import Confirmation, Task, TrainingFactory

FRONT = "front.csv"


@dataclass(frozen=True)
class Place:
    """Where a sweep runs: see ``armtune.sweeps.sweep``."""

    folder: Path
    recipe_folder: Path
    resume: bool = False
    inline: bool = False
    address: str | None = None


def run_sweep(
    recipe: Recipe,
    place: Place,
    listeners: Sequence[Listener] = (),
    factory: TrainingFactory | None = None,
    before: Mapping[str, float] | None = None,
) -> SweepResult:
    """See ``armtune.sweeps.sweep``; ``factory`` is what trainings come from."""
    began, beginning = time.monotonic(), Beginning(before or {})
    listeners = [*listeners, beginning]
    factory = factory or TrainingFactory(place.recipe_folder)
    if place.inline:
        check_inline(recipe)
    folder = place.folder.resolve()
    if is_open(recipe):
        with beginning.reading():
            dataset = factory.dataset(recipe)
        recipe = resolved(recipe, dataset, place.recipe_folder)
    space = load_space(recipe, place.recipe_folder)
    check_searched(recipe, space.dimensions)
    first = start_values(recipe, space, place.recipe_folder)
    about = {"sampler": described(recipe, space.dimensions), "start_from": recipe.sweep.start_from}
    with storage_told(folder), locked(folder):
        may_start(folder, place.resume)
        given, recipe = recipe, self_contained(recipe, place.recipe_folder)
        with supply(place) as ready:
            # Built here, so that the workers find it in the cache.
            with beginning.reading():
                dataset = factory.dataset(recipe)
            data_notes(recipe, space.dimensions, dataset)
            enter(folder, recipe, dataset, about)
            begun = _begun(folder, given, space, dataset, factory)
            if begun != given:
                first = start_values(begun, space, place.recipe_folder)
            study = SweepStudy(folder, begun, space, Goals.from_recipe(given), first)
            if begun != given:
                study.note_beginning(told(given, begun, space))
            budget = _budget(recipe, study.records(), began)
            sweep = _Sweep(recipe, dataset, folder, study, listeners, budget)
            start = SweepStart(recipe, space, dataset.description, folder, study.records())
            for listener in listeners:
                listener.sweep_started(start)
            modalities = factory.modalities or tuple(recipe.modalities)
            factory = replace(factory, digest=dataset.digest, modalities=modalities)
            wanted = recipe.sweep.references and study.references() is None
            with process.beside(folder / RECIPE, wanted) as references:
                return sweep.run(_engine(place, factory, recipe, study, ready), references)


def _begun(
    folder: Path, recipe: Recipe, space: Space, dataset: Dataset, factory: TrainingFactory
) -> Recipe:
    """The recipe that a search begins with: of a new one what the sweep has time for."""
    return recipe if exists(folder / JOURNAL) else in_time(recipe, space, dataset, factory)


class _Sweep:
    """What is done with an engine once a run's folder is open."""

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        folder: Path,
        study: SweepStudy,
        listeners: Sequence[Listener],
        budget: TimeBudget | None,
    ) -> None:
        self._recipe, self._dataset, self._folder, self._study = recipe, dataset, folder, study
        self._listeners, self._budget = listeners, budget
        self._goals, self._ledger = Goals.from_recipe(recipe), Ledger(folder)

    def run(self, engine: Engine, references: process.Beside | None = None) -> SweepResult:
        engine.work(self._stages())
        self._reference(references)
        records = self._study.records()
        front = front_of(records, self._goals)
        with self._ledger.timed(PICTURES):
            for listener in self._listeners:
                listener.sweep_ended(records, front)
        if not front:
            raise RunError(_nothing(self._folder, records))
        return result_of(self._folder, self._recipe, self._study)

    def _reference(self, measuring: process.Beside | None) -> None:
        """Notes what was measured beside the sweep."""
        if measuring is not None:
            left = inf if self._budget is None else self._budget.left
            self._study.note_references(measuring.finish(left))
        known = self._study.references()
        if known is not None:
            for listener in self._listeners:
                listener.referenced(known)

    def _stages(self) -> Iterator[Search | Retrainings]:
        yield Search(self._recipe, self._folder, self._study, self._listeners, self._budget)
        records = self._study.records()
        if lineages := self._study.lineages():
            write_lineage(self._folder / LINEAGE, lineages)
        front = front_of(records, self._goals)
        write_front(self._folder / FRONT, records, front)
        candidates = candidates_of(records, self._goals)
        yield from self._confirm(candidates)
        yield from self._finish()
        yield Retrainings(self._to_train_alone(), self._trained_alone)

    def _confirm(self, able: Sequence[TrialRecord]) -> Iterator[Retrainings]:
        """Re-trainings of the best of those to choose from, where that wasn't done before.

        Where time is short, those with the first seed tell how long the others will take.
        """
        if self._recipe.sweep.confirm is None:
            return
        best = best_of(able, self._goals.choice, self._recipe.sweep.confirm.top)
        known = with_models(self._folder, self._study.confirmed())
        for number in best:
            for confirmation in known.get(number, ()):
                self._tell(number, confirmation)
        candidates = [record for record in able if record.number in best]
        tasks = tasks_for(self._recipe, self._folder, candidates, known)
        if self._budget is None:
            yield Retrainings(tasks, self._confirmed)
            return
        least = 0 if any(known.values()) else 1
        found = self._budget.fitting(tasks, candidates, least, after=True)
        first = [t for t in found if t.recipe.training.seed == tasks[0].recipe.training.seed]
        began = time.monotonic()
        yield Retrainings(first, self._confirmed)
        each = (time.monotonic() - began) / max(1, len(first))
        more = self._budget.fitting_at(found[len(first) :], each)
        yield Retrainings(more, self._confirmed)
        left_out = {task.recipe.training.seed for task in tasks[len(first) + len(more) :]}
        self._study.note_seeds_in_time(self._recipe.sweep.confirm.seeds - len(left_out))

    def _confirmed(self, task: Task, confirmation: Confirmation) -> None:
        self._study.confirm(task.number, confirmation)
        self._tell(task.number, confirmation)

    def _tell(self, number: int, confirmation: Confirmation) -> None:
        if not confirmation.reason:
            for listener in self._listeners:
                listener.confirmed(number, confirmation.seed, confirmation.metrics)

    def _finish(self) -> Iterator[Retrainings]:
        """The trainings of what is exported, and what it measures."""
        result = result_of(self._folder, self._recipe, self._study)
        with self._ledger.timed(ENSEMBLE):
            final = Final(self._recipe, self._study, result, self._dataset, self._most_models())
        yield Retrainings(final.tasks(), final.ended)
        with self._ledger.timed(ENSEMBLE):
            final.judge()

    def _most_models(self) -> int:
        """Models that an ensemble may have: as many as are in time, or as an earlier session's."""
        if self._budget is None:
            return MOST_MODELS
        known = self._study.ensemble()
        return max(self._budget.models_in_time(), len(known.weights) if known else 0)

    def _to_train_alone(self) -> list[Task]:
        """Each modality alone with the winner's settings, where that wasn't done before."""
        result = result_of(self._folder, self._recipe, self._study)
        if result.chosen is None:
            return []
        winner = result.records[result.chosen]
        tasks = solo_tasks(self._recipe, self._folder, winner, result.solo)
        return tasks if self._budget is None else self._budget.fitting(tasks, [winner])

    def _trained_alone(self, task: Task, confirmation: Confirmation) -> None:
        modality = modality_of(task)
        self._study.note_solo(task.number, modality, confirmation)
        if not confirmation.reason:
            curve = read_curve(task.folder)
            for listener in self._listeners:
                listener.trained_alone(modality, confirmation.seed, confirmation.metrics, curve)


def _budget(recipe: Recipe, before: Sequence[TrialRecord], began: float) -> TimeBudget | None:
    """The sweep's time, less what it took so far; None where it may take any.

    Args:
        before: trials of earlier sessions.
        began: when this session did, by the monotonic clock.
    """
    if recipe.sweep.seconds is None:
        return None
    ended = [(r.started, r.ended) for r in before if r.started and r.ended]
    budget = TimeBudget(recipe, busy_seconds(ended) + time.monotonic() - began)
    for record in before:
        budget.note(record)
    return budget


def _nothing(folder: Path, records: Sequence[TrialRecord]) -> str:
    """Why a sweep has no front."""
    ends = {state: [r for r in records if r.state == state] for state in ("FAIL", "PRUNED")}
    first = next(iter(ends["FAIL"]), None)
    if first is None:
        return f"{folder}: no trial was trained to its full length"
    counts = f"{len(ends['FAIL'])} of {len(records)} trials failed"
    where = folder / "trials" / f"{first.number:04d}"
    return f"{counts}, none was trained to its full length; the first: {first.reason} (see {where})"


def supply(place: Place) -> AbstractContextManager[Callable[[], None]]:
    """What engines need is made ready beside the block; yields what waits until it is.

    Sweeps within the block share it.
    """
    if place.inline:
        return nullcontext(lambda: None)
    from armtune.sweeps.engines.ray_start import starting

    return starting(place.address)


def _engine(
    place: Place,
    factory: TrainingFactory,
    recipe: Recipe,
    study: SweepStudy,
    ready: Callable[[], None],
) -> Engine:
    resources = recipe.sweep.resources
    if place.inline:
        return Inline(factory, resources)
    if recipe.sweep.pruner.population:
        from armtune.sweeps.engines.population_based import PopulationEngine

        return PopulationEngine(factory, resources, ready, study)
    from armtune.sweeps.engines.ray_tune import RayEngine

    return RayEngine(factory, resources, ready)
