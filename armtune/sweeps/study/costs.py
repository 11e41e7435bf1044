"""What the parts of a sweep cost: of workers as the journal has it, the driver's in its folder."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from armtune.errors import RunError
from armtune.files import read_json, write_text
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.final import winning_model
from armtune.sweeps.study.reader import StudyReader
from armtune.sweeps.study.records import Listener, SweepResult, SweepStart, TrialRecord
from armtune.sweeps.workers.seconds import Seconds

COSTS = "costs.json"
"""Seconds of the driver by part, of all sessions of a sweep."""
DATA, START, ENSEMBLE = "data, features, networks", "start", "ensemble"
PICTURES, EXPORT = "TensorBoard's pictures", "export"
LEAST_SECONDS = 0.001
"""What takes less is no cost."""

_Spent = TypeAdapter(dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]])


@dataclass(frozen=True)
class Cost:
    """What a part of a sweep cost.

    Attributes:
        seconds: of all processes that did it; two that work side by side count both.
        share: of all parts.
    """

    part: str
    seconds: float
    share: float


class Ledger:
    """Adds up what the driver spends.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / COSTS

    def add(self, part: str, seconds: float) -> None:
        """Adds to a part, on top of what earlier sessions spent."""
        try:
            known = _read(self._path)
        except RunError:  # no sweep stops for what is only told
            known = {}
        spent = {**known, part: round(known.get(part, 0.0) + seconds, 4)}
        write_text(self._path, json.dumps(spent, indent=2) + "\n")

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds what the block takes."""
        started = time.monotonic()
        yield
        self.add(part, time.monotonic() - started)


class Beginning(Listener):
    """Notes what a session spends on data, and on all else until its first trial starts.

    Args:
        before: seconds of these parts that were spent before.
    """

    def __init__(self, before: Mapping[str, float]) -> None:
        self._before, self._began, self._data = before, time.monotonic(), 0.0
        self._ledger: Ledger | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The block reads data."""
        started = time.monotonic()
        yield
        self._data += time.monotonic() - started

    def sweep_started(self, sweep: SweepStart) -> None:
        self._ledger = Ledger(sweep.folder)
        self._ledger.add(DATA, self._before.get(DATA, 0.0) + self._data)

    def trial_started(self, record: TrialRecord) -> None:
        if self._ledger is not None:
            own = time.monotonic() - self._began - self._data
            self._ledger.add(START, self._before.get(START, 0.0) + own)
            self._ledger = None


def costs_of(folder: Path, recipe: Recipe, result: SweepResult, study: StudyReader) -> list[Cost]:
    """The parts of a sweep that cost something, the most expensive first.

    None where no trial's cost was noted, as in runs of earlier versions.

    Raises:
        RunError: the driver's part can't be read.
    """
    trials = _trials(result.records)
    if not any(trials.values()):
        return []
    parts: dict[str, float] = defaultdict(float)
    for known in (trials, _after(recipe, result, study), _read(folder / COSTS)):
        for part, seconds in known.items():
            parts[part] += seconds
    told = {part: seconds for part, seconds in parts.items() if seconds >= LEAST_SECONDS}
    whole = sum(told.values())
    costs = [Cost(part, seconds, seconds / whole) for part, seconds in told.items()]
    return sorted(costs, key=lambda cost: -cost.seconds)


def _trials(records: list[TrialRecord]) -> dict[str, float]:
    """What trials cost workers."""
    states: dict[str, Seconds] = defaultdict(Seconds)
    for record in records:
        states[record.state] += record.seconds
    whole = states["COMPLETE"] + states["RUNNING"]
    return {
        DATA: sum(spent.begin for spent in states.values()),
        "trials, training": whole.train,
        "trials, validation": whole.validate,
        "pruned trials": states["PRUNED"].training,
        "failed trials": states["FAIL"].training,
    }


def _after(recipe: Recipe, result: SweepResult, study: StudyReader) -> dict[str, float]:
    """What re-trainings, the ensemble's models and references cost."""
    winner, finals = winning_model(recipe, result), result.finals
    refit = sum(end.seconds for model, end in finals.items() if model == winner)
    found = result.references.found if result.references else ()
    return {
        "re-trainings": study.retraining_seconds + refit,
        ENSEMBLE: sum(end.seconds for model, end in finals.items() if model != winner),
        "references": sum(each.seconds for each in found),
    }


def _read(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    try:
        return _Spent.validate_python(read_json(path))
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise RunError(f"{path}: damaged: {said}; what the sweep cost isn't told") from error
