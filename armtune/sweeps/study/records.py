"""What a sweep tells about its trials, and who listens."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.files import replacing
from armtune.pruners._rungs import front
from armtune.sweeps.workers.seconds import Seconds
from armtune.sweeps.workers.trial import Confirmation
from armtune.text.escapes import csv_cell

if TYPE_CHECKING:
    from armtune.recipe.objectives import Goals
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space
    from armtune.references import References


@dataclass(frozen=True)
class TrialRecord:
    """A trial as it stands.

    Attributes:
        number: number of the trial in the study, from 0.
        state: ``RUNNING``, ``COMPLETE``, ``PRUNED`` or ``FAIL``.
        values: overrides of the recipe by dotted path, only those that apply.
        metrics: metrics at the best epoch so far; empty before the first epoch has ended.
        epoch: epochs done.
        reason: why the trial was pruned or failed; empty otherwise.
        started: when it started, in seconds since 1970.
        ended: when it ended, in seconds since 1970; 0 while it runs.
        seconds: of workers that went into it, as far as they were noted.
    """

    number: int
    state: str
    values: dict[str, Any]
    metrics: dict[str, float]
    epoch: int
    reason: str
    started: float
    ended: float
    seconds: Seconds = field(default=Seconds(), compare=False)


@dataclass(frozen=True)
class Model:
    """One training of a trial, of which there is a model.

    Attributes:
        seed: its ``training.seed``.
        epochs: how many epochs it was trained on training and validation samples together; 0 where
            it was trained on training samples alone, as trials and confirmations are.
    """

    number: int
    seed: int
    epochs: int = 0

    def __str__(self) -> str:
        return f"{self.number}:{self.seed}:{self.epochs}"

    @staticmethod
    def parse(text: str) -> Model:
        """What ``str`` made."""
        return Model(*map(int, text.split(":")))


Weights = dict[Model, list[list[float]]]
"""What each model's outputs count: a row for each set of modalities that are there, as bit masks in
their order from none; in it the fused decision's weight, then each head's."""


MOST_MODELS = 10
"""Models of an ensemble at most, where the recipe leaves it open."""


@dataclass(frozen=True)
class Ensemble:
    """Models whose outputs are summed, with weights, to one decision.

    Attributes:
        weights: what each model's outputs count.
        validation: metrics on validation, of the same trainings without the validation samples.
        single: the chosen trial's on validation, the mean over its seeds.
        wins: whether the recipe's ``choose`` prefers it to the chosen trial.
        test: metrics on test; empty unless it wins and all its models are there.
    """

    weights: Weights
    validation: dict[str, float]
    single: dict[str, float]
    wins: bool
    test: dict[str, float] = field(default_factory=dict)

    @property
    def shares(self) -> dict[Model, float]:
        """What each model counts among all where all modalities are there, 1 in all."""
        sums = {model: sum(rows[-1]) for model, rows in self.weights.items()}
        total = sum(sums.values()) or 1.0
        return {model: own / total for model, own in sums.items()}

    @property
    def models(self) -> list[dict[str, float]]:
        """Each model and its share, as JSON can hold them."""
        return [{**asdict(model), "share": share} for model, share in self.shares.items()]

    @property
    def stands(self) -> bool:
        """Whether it is what is exported."""
        return self.wins and bool(self.test)


@dataclass(frozen=True)
class SweepResult:
    """What a finished sweep found.

    Attributes:
        records: all trials, by number.
        front: numbers of the trials on the front.
        chosen: number of the trial that the recipe's ``choose`` picks; None when none qualifies.
        confirmed: the re-trainings of the best trials, by trial.
        notes: sentences the user should see, such as that no trial meets the constraints.
        solo: trainings of each modality alone with the chosen trial's settings, by modality.
        references: the simple models that were measured beside the sweep; None where none were.
        finals: what the last trainings measured on test: the winner's on all data, an ensemble's.
        ensemble: the ensemble that was drawn, whether it is better or not.
    """

    folder: Path
    records: list[TrialRecord]
    front: list[int]
    chosen: int | None
    confirmed: dict[int, list[Confirmation]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    solo: dict[str, list[Confirmation]] = field(default_factory=dict)
    references: References | None = None
    finals: dict[Model, Confirmation] = field(default_factory=dict)
    ensemble: Ensemble | None = None


@dataclass(frozen=True)
class SweepStart:
    """What a sweep starts or resumes with.

    Attributes:
        records: the trials that ``folder`` already has.
    """

    recipe: Recipe
    space: Space
    dataset_description: str
    folder: Path
    records: list[TrialRecord]


class Listener:
    """Follows a sweep; does nothing unless a method is overridden. Called in the driver process."""

    def sweep_started(self, sweep: SweepStart) -> None:
        """The sweep starts or resumes."""

    def trial_started(self, record: TrialRecord) -> None:
        """A trial starts, or goes on after an interruption."""

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        """A trial has trained the epoch ``record.epoch``, which gave ``metrics``.

        After an interruption some of the last epochs are trained, and told, again.
        """

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial is COMPLETE, PRUNED or FAIL."""

    def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
        """Trial ``number`` was re-trained with ``seed``, now or before the sweep resumed.

        ``metrics`` are those on validation, and those on test as ``test/<name>``.
        """

    def trained_alone(
        self, modality: str, seed: int, metrics: dict[str, float], curve: Sequence[dict[str, float]]
    ) -> None:
        """A modality was trained alone with the chosen trial's settings.

        ``metrics`` are as of ``confirmed``; ``curve`` has the validation metrics of each epoch.
        """

    def referenced(self, references: References) -> None:
        """The references that were measured beside the sweep, now or before it resumed."""

    def sweep_ended(self, records: Sequence[TrialRecord], front: Sequence[int]) -> None:
        """No trial is left to run; ``front`` holds the numbers of the trials on the front."""


def front_of(records: Sequence[TrialRecord], goals: Goals) -> list[int]:
    """Numbers of the trials on the front: complete, feasible and dominated by no other.

    Where no complete trial is feasible, these are the ones that violate the constraints least.
    """
    complete = [record for record in records if record.state == "COMPLETE"]
    standings = [goals.standing(record.metrics) for record in complete]
    return [complete[i].number for i in front(standings)]


def candidates_of(records: Sequence[TrialRecord], goals: Goals) -> list[TrialRecord]:
    """Trials that the rule chooses from: of the front, and where it tells near-equals apart also
    others that meet the constraints and aren't clearly worse.
    """
    numbers = set(front_of(records, goals))
    if goals.choice.then is not None:
        able = [r for r in records if r.state == "COMPLETE"]
        able = [r for r in able if not any(goals.standing(r.metrics).violations)]
        numbers |= {able[i].number for i in goals.choice.near([r.metrics for r in able])}
    return [record for record in records if record.number in numbers]


def write_front(path: Path, records: Sequence[TrialRecord], numbers: Sequence[int]) -> None:
    """Writes the trials of the front as a table (CSV)."""
    known = set(numbers)
    rows = [_row(record) for record in records if record.number in known]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with replacing(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or ["number"])
        writer.writeheader()
        writer.writerows({key: csv_cell(value) for key, value in row.items()} for row in rows)


def _row(record: TrialRecord) -> dict[str, Any]:
    """A trial's cells; the epoch among the metrics is the best one."""
    metrics = {("best_epoch" if k == "epoch" else k): v for k, v in record.metrics.items()}
    about = {"number": record.number, "state": record.state, "epochs": record.epoch}
    return {**about, **record.values, **metrics}
