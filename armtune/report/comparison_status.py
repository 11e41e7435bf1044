"""How far a comparison is: each of its sweeps, read beside them while they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from armtune.comparison.record import Record, is_comparison, read_record, runs_of
from armtune.report.status import Status, read_status
from armtune.sweeps.study.journal import JOURNAL


@dataclass(frozen=True)
class ComparisonStatus:
    """Where a comparison stands.

    Attributes:
        runs: each sweep by what it is called within the comparison; None where it hasn't begun.
        failures: why a sweep has nothing to compare, where that is known.
    """

    folder: Path
    runs: Mapping[str, Status | None]
    failures: Mapping[str, str]

    def lines(self) -> list[str]:
        """The same for a terminal."""
        done = sum(name in self.failures or _over(run) for name, run in self.runs.items())
        lines = [f"{self.folder}: {done} of {len(self.runs)} sweeps done"]
        return [*lines, *(f"  {name}: {self._line(name)}" for name in self.runs)]

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        return {
            "runs": {name: run.as_dict() if run else None for name, run in self.runs.items()},
            "failures": dict(self.failures),
        }

    def _line(self, name: str) -> str:
        run = self.runs[name]
        if name in self.failures:
            return f"failed: {self.failures[name]}"
        return run.brief if run else "hasn't begun"


def read_comparison_status(folder: Path) -> ComparisonStatus:
    """Reads a comparison's folder; takes no lock and runs no code.

    Raises:
        RunError: the folder holds no comparison, or a damaged one, or one of its sweeps is damaged.
    """
    found = runs_of(folder, read_record(folder))
    runs = {n: read_status(run) if (run / JOURNAL).is_file() else None for n, run in found.items()}
    records = {run.parent: _record(run.parent) for run in found.values()}
    failures = {name: _failure(records[run.parent], run.name) for name, run in found.items()}
    return ComparisonStatus(folder, runs, {name: why for name, why in failures.items() if why})


def _over(run: Status | None) -> bool:
    return run is not None and run.over


def _record(place: Path) -> Record | None:
    """What is known of a cut; None where it hasn't begun."""
    return read_record(place) if is_comparison(place) else None


def _failure(record: Record | None, method: str) -> str:
    ended = record.ended.get(method) if record else None
    return ended.failure if ended else ""
