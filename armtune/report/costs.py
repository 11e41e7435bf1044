"""What each part of a sweep cost, as a table, a sentence and in JSON's types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from armtune.report.tables import Grid
from armtune.sweeps.study.costs import Cost

MOST = 4
"""Parts that the sentence names."""
READ = (
    "Seconds of all processes by the clock, of all sessions of the sweep: two workers side by side "
    "count both, trainings of one pack share theirs. Waiting isn't counted."
)


def costs_grid(costs: Sequence[Cost]) -> Grid:
    """A row for each part."""
    rows = [(cost.part, f"{cost.seconds:.1f}", _percent(cost)) for cost in costs]
    return Grid("What each part cost", ("part", "seconds", "share"), tuple(rows))


def costs_line(costs: Sequence[Cost]) -> str:
    """A sentence on what cost most; empty if it isn't known."""
    if not costs:
        return ""
    told = [f"{cost.part} {_percent(cost)}" for cost in costs[:MOST]]
    whole = sum(cost.seconds for cost in costs)
    rest = sum(cost.share for cost in costs[MOST:])
    told += [f"the rest {100 * rest:.0f} %"] if rest else []
    return f"cost: {whole:.0f} s of all processes: {'; '.join(told)}"


def costs_dict(costs: Sequence[Cost]) -> list[dict[str, Any]]:
    """All parts as JSON can hold them."""
    return [
        {"part": c.part, "seconds": round(c.seconds, 3), "share": round(c.share, 4)} for c in costs
    ]


def _percent(cost: Cost) -> str:
    return f"{100 * cost.share:.0f} %"
