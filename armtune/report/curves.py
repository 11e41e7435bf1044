"""What each epoch of each trial measured, from the trials' own files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from sys import float_info
from typing import Any

from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.workers.trial import METRICS, trial_folder

LARGEST = float_info.max
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
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, RecursionError):
            epoch = _numbers(json.loads(line))
            if "epoch" in epoch:
                yield epoch


def _numbers(values: Any) -> dict[str, float]:
    """The finite numbers among an epoch's values."""
    found = values if isinstance(values, dict) else {}
    kept = {n: v for n, v in found.items() if isinstance(v, int | float) and abs(v) < LARGEST}
    return {name: float(value) for name, value in kept.items()}
