"""What a sweep was expected to cost, kept in its folder, and how far off that was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

from armtune.errors import RunError
from armtune.files import read_json, write_text
from armtune.sweeps.study.records import TrialRecord

PLAN = "plan.json"


@dataclass(frozen=True)
class Estimate:
    """Time and memory, from a few epochs timed on this machine.

    Attributes:
        settings: number of settings that were timed, the recipe's own among them.
        begin_seconds: what a training takes beyond its epochs.
        epoch_seconds: an epoch, the mean over the settings.
        training_seconds: a training to its full length, the mean over the settings.
        share: share of its full length that a trial trains, as the pruner would have it if trials
            kept their order throughout.
        trials: number of trials.
        trainings: number of re-trainings after the search.
        after_lengths: what they take, packed and shared out, as a multiple of one training alone.
        workers: processes that train at once.
        pack: trials that each of them trains as one program.
        pack_gain: how many times more trials an hour that gives than one by one.
        start_seconds: until the first worker is there.
        worker_seconds: until a worker has its imports and data in place.
        worker_bytes: peak memory of a process that trains.
        memory_bytes: peak memory of all processes.
        folds: how the samples are cut into folds; empty where they aren't.
        trainings_a_trial: one for each fold, side by side; times and memory are of all of them.
        search_gain: as ``pack_gain`` in the search, where only trials of one program share a pack;
            0 where that isn't known.
        end_seconds: what is left to do after all trainings: pictures, and the export.
    """

    settings: int
    begin_seconds: float
    epoch_seconds: float
    training_seconds: float
    share: float
    trials: int
    trainings: int
    after_lengths: float
    workers: int
    pack: int
    pack_gain: float
    start_seconds: float
    worker_seconds: float
    worker_bytes: float
    memory_bytes: float
    folds: str = ""
    trainings_a_trial: int = 1
    end_seconds: float = 0.0
    search_gain: float = 0.0

    @property
    def search_seconds(self) -> float:
        """The search, from the first trial to the last."""
        return self.worker_seconds + self.share * self._full_seconds

    @property
    def longest_seconds(self) -> float:
        """The search, if nothing is pruned."""
        return self.worker_seconds + self._full_seconds

    @property
    def _full_seconds(self) -> float:
        gain = self.search_gain or self.pack_gain
        return self.trials * self.training_seconds / min(self.workers, self.trials) / gain

    @property
    def after_seconds(self) -> float:
        """The re-trainings after the search."""
        return self.after_lengths * self.training_seconds

    @property
    def seconds(self) -> float:
        """All of it."""
        trained = self.search_seconds + self.after_seconds
        return self.start_seconds + trained + self.end_seconds

    def write(self, folder: Path) -> None:
        """Leaves the estimate in a run's folder."""
        write_text(folder / PLAN, json.dumps(asdict(self), indent=2) + "\n")


def read_estimate(folder: Path) -> Estimate | None:
    """The estimate in a run's folder; None where none was made.

    Raises:
        RunError: it is damaged.
    """
    path = folder / PLAN
    if not path.exists():
        return None
    try:
        found = Estimate(**read_json(path))
        if type(found.trials) is not int or not 0 < found.search_seconds < inf:
            raise ValueError("its numbers give no length of the search")
    except (OSError, ValueError, TypeError, ArithmeticError) as error:
        raise RunError(f"{path}: damaged: {error}") from error
    return found


def estimate_error(estimate: Estimate, records: Sequence[TrialRecord]) -> str:
    """A sentence on how far off an estimate was; empty while trials are left.

    Times in which no trial ran, as between a sweep and its resumption, don't count.
    """
    if len(records) < estimate.trials or not all(record.ended for record in records):
        return ""
    took = busy_seconds([(record.started, record.ended) for record in records])
    off = 100 * (took / estimate.search_seconds - 1)
    said = f"{abs(off):.0f} % {'more' if off >= 0 else 'less'}"
    planned = f"{estimate.search_seconds:.0f} s"
    return f"the search was estimated to take {planned} and took {took:.0f} s, {said}"


def busy_seconds(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of spans of time."""
    total, until = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total
