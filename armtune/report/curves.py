"""What each epoch of each trial measured, from the trials' own files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.workers.trial import METRICS, trial_folder

Curve = list[dict[str, float]]
"""Metrics of one epoch after the other, ``epoch`` (from 1) among them."""


def curves(run: Path, records: Iterable[TrialRecord]) -> dict[int, Curve]:
    """Each trial's curve, by number; trials without an epoch, or whose file is gone, are left out.

    What isn't a finite number is left out of an epoch; a line that is being written is skipped.
    """
    found = {r.number: list(_epochs(trial_folder(run, r.number) / METRICS)) for r in records}
    return {number: curve for number, curve in found.items() if curve}


def _epochs(path: Path) -> Iterator[dict[str, float]]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict) and "epoch" in values:
            yield {n: float(v) for n, v in values.items() if isinstance(v, int | float)}
