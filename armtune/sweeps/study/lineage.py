"""Whose weights the trials of a population go on from, and with which values."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from armtune.files import replacing
from armtune.text.escapes import csv_cell

LINEAGE = "lineage.csv"
SCHEDULE = "training.schedule"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Descent:
    """A trial that went on from another one's weights: which one, and its values from then on."""

    parent: int
    values: Values


@dataclass(frozen=True)
class Segment:
    """A stretch of the training that a trial's model has behind it.

    Attributes:
        epoch: epochs done when it began.
        trial: the trial that trained it.
        values: the values that it was trained with.
    """

    epoch: int
    trial: int
    values: Values


Generations = Mapping[int, Mapping[int, Descent]]
"""Epoch at which a population was compared → trial → whose weights it went on from, of those that
did.
"""


def lineage(number: int, first: Mapping[int, Values], generations: Generations) -> list[Segment]:
    """All that a trial's model has behind it, the earliest first.

    Args:
        first: values that each trial began with.
    """
    segments = []
    for epoch in sorted(generations, reverse=True):
        if descent := generations[epoch].get(number):
            segments.append(Segment(epoch, number, descent.values))
            number = descent.parent
    return [Segment(0, number, first[number]), *reversed(segments)]


def replayed(segments: Sequence[Segment]) -> dict[str, Any]:
    """Overrides of the recipe with which one training does what a lineage did."""
    begin, *later = segments
    changes = [{"epoch": s.epoch, "values": dict(s.values)} for s in later]
    return {**begin.values, **({SCHEDULE: changes} if changes else {})}


def write_lineage(path: Path, lineages: Mapping[int, Sequence[Segment]]) -> None:
    """Writes a row for each stretch behind each trial's model (CSV)."""
    rows = [
        {"trial": number, "from_epoch": s.epoch, "trained_by": s.trial, **s.values}
        for number, segments in lineages.items()
        for s in segments
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    with replacing(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows({key: csv_cell(value) for key, value in row.items()} for row in rows)
