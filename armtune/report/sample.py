"""Which trials are drawn and listed, where there are too many to see them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from armtune.sweeps.study.records import TrialRecord

DRAWN = 500
"""Trials that figures and tables show, where those that must be seen are no more."""


def sample(records: Sequence[TrialRecord], seen: Iterable[int | None] = ()) -> list[TrialRecord]:
    """Up to 500 trials, by number: trial 0, those that must be seen, and others evenly spread.

    Args:
        seen: numbers of the trials that must be, such as the front's.
    """
    if len(records) <= DRAWN:
        return list(records)
    wanted = {0, *seen}
    others = [record for record in records if record.number not in wanted]
    count = max(0, DRAWN - (len(records) - len(others)))
    spread = {others[k * len(others) // count].number for k in range(count)}
    return [record for record in records if record.number in wanted | spread]


def sample_line(shown: int, known: int) -> str:
    """A sentence on what isn't shown; empty where all is."""
    if shown == known:
        return ""
    return (
        f"Figures and tables show {shown} of {known} trials: the front, what was re-trained, and "
        "others evenly by number; armtune report --json has all."
    )
