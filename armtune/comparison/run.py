"""Runs a comparison's sweeps, one after the other, and gathers what came out of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from armtune.comparison import mean_of_alone
from armtune.comparison.alone import called
from armtune.comparison.pairs import Difference, differences
from armtune.comparison.plan import Contender, reference_of
from armtune.comparison.record import Ended, Record
from armtune.comparison.timing import Cost, cost_of
from armtune.data import Dataset
from armtune.errors import ArmtuneError, RunError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.references import References
from armtune.sweeps import Confirmation, SweepResult, TrialRecord, read_records
from armtune.sweeps.run import Place
from armtune.sweeps.study.folder import enter, may_start, self_contained
from armtune.sweeps.study.lock import locked
from armtune.sweeps.workers.trial import confirm_folder

GAP = "contribution_gap"
WORST_MISSING = "worst_missing"
"""Lowest score with one modality missing."""
UNFINISHED = "its sweep isn't over"
"""Stands for the failure of a method that was still being swept when it was looked at."""

Train = Callable[[Recipe, Path], SweepResult]
"""Runs a method's sweep in its folder, or goes on with it."""


@dataclass(frozen=True)
class Outcome:
    """What came out of one method's sweep.

    Attributes:
        failure: why there is nothing to compare; empty otherwise.
        records: all its trials, by number.
        chosen: number of the trial that was re-trained.
        seeds: the re-trainings of that trial.
        cost: what it costs against no balancing; None if that couldn't be measured.
        notes: what the user should know of it.
        references: the simple models that its sweep measured; None where another's did.
    """

    method: str
    failure: str = ""
    records: Sequence[TrialRecord] = ()
    chosen: int | None = None
    seeds: Sequence[Confirmation] = ()
    cost: Cost | None = None
    notes: Sequence[str] = ()
    references: References | None = None

    @property
    def sound(self) -> list[Confirmation]:
        """The re-trainings that didn't fail."""
        return [seed for seed in self.seeds if not seed.reason]

    def values(self, split: str, metric: str) -> dict[int, float]:
        """A metric of the re-trainings by seed, on ``validation`` or ``test``."""
        found = {s.seed: figures(getattr(s, split)) for s in self.sound}
        return {seed: metrics[metric] for seed, metrics in found.items() if metric in metrics}


@dataclass(frozen=True, repr=False)
class Comparison:
    """All methods' outcomes.

    Attributes:
        recipe: what all sweeps have in common.
        data: one line that says which data were really used.
        reference: the method that the others are compared with.
        command: the command line that made this.
        over: what its figures are one each of: ``seeds``, or ``cuts`` of the data.
    """

    recipe: Recipe
    data: str
    reference: str
    outcomes: Sequence[Outcome]
    command: str = ""
    over: str = "seeds"

    def __repr__(self) -> str:
        found = {o.method: o.values("test", self.score) for o in self.outcomes}
        said = [f"{m} {fmean(v.values()):.4f}" if v else f"{m} –" for m, v in found.items()]
        means = f"{self.score} on test, means over the {self.over}"
        return f"<Comparison of {self.recipe.name}: {', '.join(said)} ({means})>"

    @property
    def metrics(self) -> list[str]:
        """The metrics that methods are compared on."""
        unimodal = [f"unimodal_{self.score}/{m}" for m in self.recipe.modalities]
        return [self.score, *unimodal, WORST_MISSING, GAP]

    @property
    def recorded(self) -> list[str]:
        """These, and what else is written down: losses and contributions, as far as measured."""
        more = ["loss", *(f"contribution/{m}" for m in self.recipe.modalities)]
        known = {name for outcome in self.outcomes for s in outcome.sound for name in s.test}
        return [*self.metrics, *(name for name in more if name in known)]

    @property
    def score(self) -> str:
        """The metric that the data's target is judged by."""
        return self.recipe.data.predicts.score

    @property
    def references(self) -> References | None:
        """The simple models, which one method's sweep measured for all."""
        return next((o.references for o in self.outcomes if o.references is not None), None)

    @property
    def simpler(self) -> list[Outcome]:
        """Each modality alone, and the mean of these: what methods have to beat."""
        names = [mean_of_alone.NAME, *map(called, self.recipe.modalities)]
        return [outcome for outcome in self.outcomes if outcome.method in names]

    def differences(self, metric: str, split: str = "test") -> dict[str, Difference]:
        """Each other method's difference to the reference; none if the reference failed."""
        values = {o.method: o.values(split, metric) for o in self.outcomes if not o.failure}
        reference = values.pop(self.reference, {})
        return differences(values, reference)


def figures(metrics: Mapping[str, float]) -> dict[str, float]:
    """A model's metrics, with the worst score with one modality missing among them."""
    missing = [value for name, value in metrics.items() if name.startswith("missing/")]
    return {**metrics, **({WORST_MISSING: min(missing)} if missing else {})}


def compare(
    recipe: Recipe,
    contenders: Sequence[Contender],
    place: Place,
    dataset: Dataset,
    train: Train,
    command: str = "",
) -> Comparison:
    """Runs every method's sweep, or goes on where an earlier comparison stopped.

    A method that fails doesn't stop the others.

    Args:
        recipe: what all sweeps have in common.
        dataset: the recipe's data.
        command: the command line, for the report.

    Raises:
        RunError: the folder holds a comparison and ``place.resume`` isn't set, holds one of another
            recipe or other data, or is in use; or every method failed.
        KeyboardInterrupt: Ctrl-C; what was running goes on with ``resume``.
    """
    with locked(place.folder):
        may_start(place.folder, place.resume, comparison=True)
        enter(place.folder, self_contained(recipe, place.recipe_folder), dataset)
        record = Record([contender.method for contender in contenders], command)
        record.write(place.folder)
        found = []
        for contender in _referenced_once(contenders):
            found.append(outcome := _outcome(contender, place.folder, dataset, train))
            record = record.having(outcome.method, Ended(outcome.failure, outcome.notes))
            record.write(place.folder)
        found += _mean_of_alone(recipe, place.folder, dataset, found)
    if all(outcome.failure for outcome in found):
        raise RunError(f"no method could be compared; {found[0].method}: {found[0].failure}")
    reference = reference_of(record.methods)
    return Comparison(recipe, dataset.description, reference, found, command)


def _referenced_once(each: Sequence[Contender]) -> list[Contender]:
    """The same, of which the first that can be run measures the references: they are all alike."""
    first = next((contender for contender in each if contender.recipe is not None), None)
    return [
        replace(c, recipe=with_overrides(c.recipe, {"sweep.references": False}))
        if c.recipe is not None and c is not first
        else c
        for c in each
    ]


def _outcome(contender: Contender, folder: Path, dataset: Dataset, train: Train) -> Outcome:
    method, recipe, run = contender.method, contender.recipe, folder / contender.method
    if recipe is None:
        return Outcome(method, contender.note)
    notes = [contender.note] if contender.note else []
    try:
        result, relaxed = _swept(recipe, run, train)
        notes += [*relaxed, *result.notes]
        number = result.chosen
        seeds = [] if number is None else result.confirmed.get(number, [])
        if number is None or all(seed.reason for seed in seeds):
            return Outcome(method, _why(recipe, seeds), result.records, notes=notes)
        values = next(r.values for r in result.records if r.number == number)
        cost = cost_of(with_overrides(recipe, values), dataset, run, number)
    except ArmtuneError as error:
        return Outcome(method, str(error), records_of(run), notes=notes)
    found = result.references
    return Outcome(method, "", result.records, number, seeds, cost, notes, found)


def _mean_of_alone(
    recipe: Recipe, folder: Path, dataset: Dataset, found: Sequence[Outcome]
) -> list[Outcome]:
    """The mean of what was tuned alone, measured and written down; none where that wasn't asked."""
    names = {called(modality): modality for modality in recipe.modalities}
    alone = {names[o.method]: o for o in found if o.method in names}
    if len(alone) < len(names):
        return []
    failure, seeds = _why_no_mean(alone.values()), list[Confirmation]()
    if not failure:
        try:
            seeds = mean_of_alone.measure(recipe, dataset, _places(folder, alone))
        except RunError as error:
            failure = str(error)
    mean_of_alone.write(folder, failure, seeds)
    return [Outcome(mean_of_alone.NAME, failure, seeds=seeds)]


def _why_no_mean(alone: Iterable[Outcome]) -> str:
    failed = [outcome.method for outcome in alone if outcome.failure]
    return f"there is nothing of {', '.join(failed)}" if failed else ""


def _places(folder: Path, alone: Mapping[str, Outcome]) -> mean_of_alone.Places:
    """Where the re-trainings are, by the seeds that are sound of every modality."""
    each = [[seed.seed for seed in outcome.sound] for outcome in alone.values()]
    return {
        seed: {m: confirm_folder(folder / o.method, o.chosen or 0, seed) for m, o in alone.items()}
        for seed in each[0]
        if all(seed in own for own in each)
    }


def _swept(recipe: Recipe, run: Path, train: Train) -> tuple[SweepResult, list[str]]:
    """The sweep; where nothing meets the conditions of ``choose``, its best without them."""
    result = train(recipe, run)
    rule = re.split(r"\s+where\s+", recipe.sweep.choose, maxsplit=1)
    if result.chosen is not None or len(rule) == 1:
        return result, []
    result = train(with_overrides(recipe, {"sweep.choose": rule[0]}), run)
    return result, [f"no trial of its front meets {rule[1]}: its {rule[0]} without that was taken"]


def records_of(run: Path) -> list[TrialRecord]:
    """The trials of a sweep that failed or isn't over, as far as there are any."""
    try:
        return read_records(run)
    except ArmtuneError:
        return []


def _why(recipe: Recipe, seeds: Sequence[Confirmation]) -> str:
    """Why a sweep that has a front has no setting to compare."""
    if not seeds:
        return f"no trial of its front qualifies for {recipe.sweep.choose}"
    return f"its best trial failed with every seed: {seeds[0].reason}"
