"""What a study holds, as Optuna's journal has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from armtune.errors import RunError
from armtune.references import References, restored
from armtune.sweeps.study.coding import decode
from armtune.sweeps.study.journal import JOURNAL, Journal, study_name
from armtune.sweeps.study.journal_check import check_journal
from armtune.sweeps.study.lineage import Descent, Segment, lineage, replayed
from armtune.sweeps.study.records import Ensemble, Model, TrialRecord
from armtune.sweeps.workers.seconds import Seconds
from armtune.sweeps.workers.trial import Confirmation

STUDY = "armtune"
"""What a study is called, or what its name begins with before the recipe's."""
STARTED = "started"
RETRIED = "retried"
NOTES = "notes"
SAMPLER = "sampler"
PACK = "pack"
SECONDS = "seconds"
IN_TIME, SEEDS_IN_TIME = "trials in time", "seeds in time"
GENERATION = "generation"
REFERENCES = "references"
FINAL = "final"
ENSEMBLE = "ensemble"

optuna.logging.set_verbosity(optuna.logging.ERROR)


class StudyReader:
    """What a study holds."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    @property
    def sampler(self) -> str:
        """Name of the sampler; empty before the sweep began."""
        return str(self._study.user_attrs.get(SAMPLER, {}).get("name", ""))

    def records(self) -> list[TrialRecord]:
        """All trials that were started, by number."""
        lineages = self.lineages()
        return [self._replayed(_record(t), lineages) for t in self._started()]

    def record(self, number: int) -> TrialRecord:
        """One trial."""
        return self._replayed(_record(self._trial(number)), self.lineages())

    def generations(self) -> dict[int, dict[int, Descent]]:
        """How a population went on at each comparison, by epoch and trial."""
        found = {}
        for key, value in self._study.user_attrs.items():
            name, _, epoch = key.partition(":")
            if name == GENERATION:
                found[int(epoch)] = {int(n): Descent(**descent) for n, descent in value.items()}
        return found

    def lineages(self) -> dict[int, list[Segment]]:
        """What the model of each trial of a population has behind it; empty for other sweeps."""
        generations = self.generations()
        if not generations:
            return {}
        first = {trial.number: _values(trial) for trial in self._started()}
        return {number: lineage(number, first, generations) for number in first}

    def _replayed(
        self, record: TrialRecord, lineages: Mapping[int, Sequence[Segment]]
    ) -> TrialRecord:
        """A trial with the values that its model was trained with, from the first epoch on."""
        if record.number not in lineages:
            return record
        return replace(record, values=replayed(lineages[record.number]))

    def _started(self) -> list[FrozenTrial]:
        return [trial for trial in self._trials() if trial.state is not TrialState.WAITING]

    def confirmed(self) -> dict[int, list[Confirmation]]:
        """The re-trainings so far, by trial and seed."""
        found: dict[int, list[Confirmation]] = {}
        for key, value in self._study.user_attrs.items():
            if key.startswith("confirm:"):
                _, number, seed = key.split(":")
                found.setdefault(int(number), []).append(Confirmation(int(seed), **value))
        return {n: sorted(found[n], key=lambda c: c.seed) for n in sorted(found)}

    def solo(self, number: int) -> dict[str, list[Confirmation]]:
        """The trainings of each modality alone with a trial's settings, by modality and seed."""
        found: dict[str, list[Confirmation]] = {}
        for key, value in self._study.user_attrs.items():
            if key.startswith(f"solo:{number}:"):
                _, _, modality, seed = key.split(":")
                found.setdefault(modality, []).append(Confirmation(int(seed), **value))
        return {m: sorted(seeds, key=lambda c: c.seed) for m, seeds in found.items()}

    @property
    def retraining_seconds(self) -> float:
        """Seconds of workers that re-trainings took, of each modality alone among them."""
        known = self._study.user_attrs.items()
        after = [value for key, value in known if key.partition(":")[0] in ("confirm", "solo")]
        return float(sum(value.get("seconds", 0.0) for value in after))

    def notes(self) -> list[str]:
        """What the user should know of how the search began, and of how single trials went."""
        return [
            *self._study.user_attrs.get(NOTES, ()),
            *(
                f"trial {t.number}: {n}"
                for t in self._started()
                for n in t.user_attrs.get(NOTES, ())
            ),
        ]

    def references(self) -> References | None:
        """The simple models that were measured; None where none were."""
        about = self._study.user_attrs.get(REFERENCES)
        try:
            return None if about is None else restored(about)
        except ValueError as error:
            said = str(error).splitlines()[0]
            raise RunError(f"{JOURNAL}: what it says of references is damaged: {said}") from error

    def finals(self) -> dict[Model, Confirmation]:
        """What the last trainings of a sweep measured."""
        found = {}
        for key, value in self._study.user_attrs.items():
            name, _, model = key.partition(":")
            if name == FINAL:
                found[Model.parse(model)] = Confirmation(Model.parse(model).seed, **value)
        return found

    def ensemble(self) -> Ensemble | None:
        """The ensemble that was drawn last, if one was."""
        value = self._study.user_attrs.get(ENSEMBLE)
        if not value:
            return None
        weights = {Model.parse(model): rows for model, rows in value["weights"].items()}
        return Ensemble(**{**value, "weights": weights})

    @property
    def pack(self) -> int:
        """The size of packs that the search found last; 1 where it found none."""
        return int(self._study.user_attrs.get(PACK, 1))

    @property
    def in_time(self) -> int | None:
        """The trials that fitted into the sweep's time; None where the time didn't end a search,
        or the search went on since.
        """
        found = self._study.user_attrs.get(IN_TIME)
        return None if found is None or found < len(self._started()) else int(found)

    @property
    def seeds_in_time(self) -> int | None:
        """The seeds of re-training that the sweep had time for; None where no time was set."""
        return self._study.user_attrs.get(SEEDS_IN_TIME)

    def rung(self, epoch: int, without: int) -> dict[int, dict[str, float]]:
        """Metrics with which the other trials reached a rung, by number."""
        key = f"rung:{epoch}"
        reached = (t for t in self._trials() if t.number != without and key in t.user_attrs)
        return {trial.number: trial.user_attrs[key] for trial in reached}

    def _trial(self, number: int) -> FrozenTrial:
        return self._trials()[number]

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)


def read_study(folder: Path) -> StudyReader:
    """A run's study, to read only; a sweep may be writing it.

    Raises:
        RunError: the folder holds no study, or a damaged one.
    """
    path = folder / JOURNAL
    if not path.exists():
        raise RunError(f"{folder}: there is no sweep here ({JOURNAL} is missing)")
    check_journal(path, STUDY)
    try:
        name = study_name(path, STUDY)
        return StudyReader(
            optuna.load_study(study_name=name, storage=JournalStorage(Journal(path)))
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: not the study of a sweep, or damaged: {error}") from error


def _record(trial: FrozenTrial) -> TrialRecord:
    attrs = trial.user_attrs
    rungs = [int(key.partition(":")[2]) for key in attrs if key.startswith("rung:")]
    last = max(rungs, default=0)
    return TrialRecord(
        number=trial.number,
        state=trial.state.name,
        values=_values(trial),
        metrics=dict(attrs.get("metrics") or attrs.get(f"rung:{last}") or {}),
        epoch=attrs.get("epoch", last),
        reason=attrs.get("reason", ""),
        started=attrs.get(STARTED) or _seconds(trial.datetime_start),
        ended=_seconds(trial.datetime_complete),
        seconds=Seconds(*attrs.get(SECONDS, ())),
    )


def _values(trial: FrozenTrial) -> dict[str, Any]:
    return {path: decode(value) for path, value in trial.params.items()}


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0
