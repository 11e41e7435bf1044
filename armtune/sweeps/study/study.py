"""The sweep's trials in Optuna's study: asked, told, and read back."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optuna
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, Trial, TrialState

from armtune.plugins.registry import plugins
from armtune.recipe.start_checks import demand_of
from armtune.references import References
from armtune.samplers import Sampler
from armtune.sweeps.study.coding import encode, suggest
from armtune.sweeps.study.journal import JOURNAL, Journal, study_name
from armtune.sweeps.study.journal_check import mend_journal
from armtune.sweeps.study.lineage import Descent
from armtune.sweeps.study.reader import (
    ENSEMBLE,
    FINAL,
    GENERATION,
    IN_TIME,
    NOTES,
    PACK,
    REFERENCES,
    RETRIED,
    SAMPLER,
    SECONDS,
    SEEDS_IN_TIME,
    STARTED,
    STUDY,
    StudyReader,
)
from armtune.sweeps.study.records import Ensemble, Model
from armtune.sweeps.study.storage import SweepStorage
from armtune.sweeps.workers.seconds import Seconds
from armtune.sweeps.workers.trial import Confirmation

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from armtune.recipe.objectives import Goals
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Dimension, Space
    from armtune.samplers import Demand

UNFINISHED = "trained to its full length"
"""Constraint that pruned trials violate by the share of epochs left.

Samplers that honour constraints take a pruned trial for a good one otherwise, when no trial is
feasible, since Optuna knows no values of it.
"""

NOTE_SECONDS = 60.0
"""What a trial costs is noted when so much has come together, and at its end: a kill hides no more.
"""

_DIRECTIONS = {
    "maximize": optuna.study.StudyDirection.MAXIMIZE,
    "minimize": optuna.study.StudyDirection.MINIMIZE,
}

optuna.logging.set_verbosity(optuna.logging.ERROR)


class SweepStudy(StudyReader):
    """A study to ask and to tell. Only the holder of the folder's lock may have one.

    The sampler is built anew for each trial, from the sweep's seed and the trial's number, so that
    a resumed sweep draws what an undisturbed one does; one whose draws form a sequence isn't. What
    ``auto`` settled on at first stays, whatever changes.

    Args:
        first: values to try right after those that the sampler plans.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        space: Space,
        goals: Goals,
        first: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._sweep, self._space, self._goals = recipe.sweep, space, goals
        path = folder / JOURNAL
        mend_journal(path, STUDY)
        self._journal = Journal(path)
        self._storage = SweepStorage(self._journal)
        study = optuna.create_study(
            storage=self._storage,
            study_name=study_name(path, f"{STUDY}: {recipe.name}"),
            directions=[_DIRECTIONS[direction] for direction in goals.directions],
            load_if_exists=True,
        )
        _name_metrics(study, goals)
        super().__init__(study)
        self._live: dict[int, Trial] = {}
        self._spent: dict[int, Seconds] = {}
        self._rungs: dict[int, dict[int, dict[str, float]]] = {}
        demand = demand_of(recipe, space.dimensions)
        self._sampler = self._settled(demand)
        study.sampler = self._sampler.build(recipe.sweep.seed)
        for searched in _search_spaces(study.sampler).values():
            searched.calculate(study)
        self._storage.shown = self._sampler.shown
        later = () if len(self) else first
        self._plan([*self._sampler.planned(demand, space.defaults(recipe)), *later])

    def __len__(self) -> int:
        """Number of trials that were asked."""
        return len(self._storage)

    @property
    def dimensions(self) -> Sequence[Dimension]:
        """What is searched."""
        return self._space.dimensions

    def running(self) -> list[int]:
        """Trials that an interruption left running, to go on with; drawn to the end where need be.

        A trial that was being pruned is pruned.
        """
        numbers = []
        for frozen in self._trials():
            if frozen.state is TrialState.RUNNING:
                self._take_sampler(frozen.number)
                self._draw(Trial(self._study, frozen._trial_id))
                if UNFINISHED in frozen.constraints:
                    self._tell(frozen.number, TrialState.PRUNED)
                else:
                    numbers.append(frozen.number)
        return numbers

    def ask(self) -> int:
        """Draws a trial; returns its number."""
        self._take_sampler(len(self))
        trial = self._study.ask()
        self._draw(trial)
        return trial.number

    def start(self, number: int) -> None:
        """Notes when a trial's training began: it may wait for a worker after it was asked."""
        trial = self._live[number]
        if STARTED not in trial.user_attrs:
            trial.set_user_attr(STARTED, time.time())

    def reach(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Notes with which metrics a trial reached a rung."""
        self._live[number].set_user_attr(f"rung:{epoch}", dict(metrics))
        self._reached(epoch)[number] = dict(metrics)

    def rung(self, epoch: int, without: int) -> dict[int, dict[str, float]]:
        """See ``StudyReader.rung``; in the order in which they reached it, as far as is known."""
        return {n: metrics for n, metrics in self._reached(epoch).items() if n != without}

    def _reached(self, epoch: int) -> dict[int, dict[str, float]]:
        if epoch not in self._rungs:
            self._rungs[epoch] = super().rung(epoch, -1)
        return self._rungs[epoch]

    def retry(self, number: int, reason: str, limit: int) -> bool:
        """Notes that a trial is to be taken up again, unless it was as often as the limit says."""
        trial = self._live[number]
        reasons = [*trial.user_attrs.get(RETRIED, ()), reason]
        if len(reasons) > limit:
            return False
        trial.set_user_attr(RETRIED, reasons)
        return True

    def spend(self, number: int, seconds: Seconds) -> None:
        """Adds to what a trial that runs has cost."""
        self._spent[number] = self._spent.get(number, Seconds()) + seconds
        fresh = self._spent[number]
        if fresh.begin + fresh.training > NOTE_SECONDS:
            self._note_seconds(number)

    def _note_seconds(self, number: int) -> None:
        trial, fresh = self._live[number], self._spent.pop(number, Seconds())
        if fresh != Seconds():
            known = Seconds(*trial.user_attrs.get(SECONDS, ())) + fresh
            trial.set_user_attr(SECONDS, [round(own, 4) for own in astuple(known)])

    def note(self, number: int, text: str) -> None:
        """Notes what the user should know of a trial that runs."""
        trial = self._live[number]
        trial.set_user_attr(NOTES, [*trial.user_attrs.get(NOTES, ()), text])

    def complete(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Ends a trial that trained to its full length."""
        self._note(number, epoch, metrics)
        self._constrain(number, metrics)
        self._tell(number, TrialState.COMPLETE, self._goals.values(metrics))

    def prune(self, number: int, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Ends a trial that a rung stopped."""
        self._note(number, epoch, metrics, f"stopped at the rung of epoch {epoch}")
        self._constrain(number, metrics)
        self._live[number].set_constraint(UNFINISHED, 1 - epoch / epochs)
        self._tell(number, TrialState.PRUNED)

    def fail(self, number: int, epoch: int, metrics: Mapping[str, float], reason: str) -> None:
        """Ends a trial that raised, diverged or lost its process."""
        self._note(number, epoch, metrics, reason)
        self._tell(number, TrialState.FAIL)

    def note_pack(self, size: int) -> None:
        """Notes the size of packs that pays here."""
        if size != self.pack:
            self._study.set_user_attr(PACK, size)

    def note_beginning(self, said: str) -> None:
        """Notes that the search began elsewhere than with the recipe's own values."""
        self._study.set_user_attr(NOTES, [said])

    def note_in_time(self, trials: int) -> None:
        """Notes how many trials fit into the sweep's time."""
        self._study.set_user_attr(IN_TIME, trials)

    def note_seeds_in_time(self, seeds: int) -> None:
        """Notes how many seeds of re-training fit into the sweep's time."""
        if seeds != self.seeds_in_time:
            self._study.set_user_attr(SEEDS_IN_TIME, seeds)

    def note_generation(self, epoch: int, descents: Mapping[int, Descent]) -> None:
        """Notes at once how a whole population goes on from a comparison."""
        value = {str(number): asdict(descent) for number, descent in descents.items()}
        self._study.set_user_attr(f"{GENERATION}:{epoch}", value)
        self._journal.sync()

    def confirm(self, number: int, confirmation: Confirmation) -> None:
        """Notes what a re-training measured."""
        self._keep(f"confirm:{number}", confirmation)

    def note_solo(self, number: int, modality: str, confirmation: Confirmation) -> None:
        """Notes what training a modality alone with a trial's settings measured."""
        self._keep(f"solo:{number}:{modality}", confirmation)

    def note_references(self, references: References) -> None:
        """Notes what the simple models scored."""
        self._study.set_user_attr(REFERENCES, references.as_dict())

    def note_final(self, model: Model, end: Confirmation) -> None:
        """Notes what one of the last trainings measured."""
        value = asdict(end)
        del value["seed"]
        self._study.set_user_attr(f"{FINAL}:{model}", value)
        self._journal.sync()

    def note_ensemble(self, ensemble: Ensemble | None) -> None:
        """Notes the ensemble that was drawn, if one was."""
        if ensemble == self.ensemble():
            return
        value = {}
        if ensemble:
            value = asdict(replace(ensemble, weights={}))
            value["weights"] = {str(model): rows for model, rows in ensemble.weights.items()}
        self._study.set_user_attr(ENSEMBLE, value)
        self._journal.sync()

    def _trial(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(number)

    def _trials(self) -> list[FrozenTrial]:
        return self._storage.whole()

    def _keep(self, name: str, confirmation: Confirmation) -> None:
        value = asdict(confirmation)
        self._study.set_user_attr(f"{name}:{value.pop('seed')}", value)
        self._journal.sync()

    def _settled(self, demand: Demand) -> Sampler:
        known = self._study.user_attrs.get(SAMPLER)
        if known:
            plugin = plugins("samplers")[known["name"]]
            return cast(Sampler, plugin.model_validate(known))
        sampler, _ = self._sweep.sampler.settled(demand)
        self._study.set_user_attr(SAMPLER, sampler.model_dump(mode="json"))
        return sampler

    def _plan(self, first: Sequence[Mapping[str, Any]]) -> None:
        """Queues what is known before anything is trained, but for what was queued before."""
        coded = {d.path for d in self._space.dimensions if d.choices}
        once = list({json.dumps(values, sort_keys=True): values for values in first}.values())
        for values in once[len(self._trials()) :]:
            fixed = {p: encode(v) if p in coded else v for p, v in values.items()}
            self._study.enqueue_trial(fixed)

    def _draw(self, trial: Trial) -> None:
        """Draws what applies of the space; what was drawn before an interruption stays."""
        self._live[trial.number] = trial
        values: dict[str, Any] = {}
        for dimension in self._space.dimensions:
            if dimension.applies(values):
                values[dimension.path] = suggest(trial, dimension)

    def _take_sampler(self, number: int) -> None:
        """Lets the study draw a trial as an undisturbed sweep does."""
        if not self._sampler.sequential:
            mixed = np.random.SeedSequence([self._sweep.seed, number]).generate_state(1)
            sampler = self._sampler.build(int(mixed[0]))
            # Which values all trials have is known of those so far: no sampler goes through them
            # again.
            vars(sampler).update(_search_spaces(self._study.sampler))
            self._study.sampler = sampler

    def _note(
        self, number: int, epoch: int, metrics: Mapping[str, float], reason: str = ""
    ) -> None:
        trial = self._live[number]
        trial.set_user_attr("metrics", dict(metrics))
        trial.set_user_attr("epoch", epoch)
        trial.set_user_attr("reason", reason)
        self._note_seconds(number)

    def _constrain(self, number: int, metrics: Mapping[str, float]) -> None:
        trial = self._live[number]
        told = trial.constraints
        for constraint in self._goals.constraints:
            if str(constraint) not in told:
                violation = constraint.violation(metrics)
                trial.set_constraint(str(constraint), violation)
                # optuna-dashboard shows no constraint that has a name, but every attribute.
                met = "met" if violation <= 0 else f"violated by {violation:.4g}"
                trial.set_user_attr(str(constraint), met)

    def _tell(
        self, number: int, state: TrialState, values: tuple[float, ...] | None = None
    ) -> None:
        self._study.tell(self._live.pop(number), values, state)
        self._journal.sync()


def _search_spaces(sampler: BaseSampler) -> dict[str, IntersectionSearchSpace]:
    """What a sampler knows of the values that all trials have, by the attribute's name."""
    return {n: v for n, v in vars(sampler).items() if isinstance(v, IntersectionSearchSpace)}


def _name_metrics(study: optuna.Study, goals: Goals) -> None:
    """Says once what a study's values are called, for those who look at it with Optuna's tools."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if study.metric_names is None:
            study.set_metric_names(goals.names)
