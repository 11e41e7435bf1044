"""Which trials are drawn and listed, where there are too many to see them all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

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


def of_front(front: Sequence[int], chosen: int | None) -> list[int]:
    """Trials of the front that must be seen: of a large one half as many as are drawn, evenly."""
    most = DRAWN // 2
    if len(front) <= most:
        return list(front)
    spread = {front[k * len(front) // most] for k in range(most)}
    return [number for number in front if number in spread or number == chosen]


def sample_line(shown: Collection[int], known: int, front: Sequence[int]) -> str:
    """A sentence on what isn't shown; empty where all is.

    Args:
        shown: numbers of the trials that are.
        known: number of all trials.
        front: the whole one.
    """
    if len(shown) == known:
        return ""
    seen = sum(number in shown for number in front)
    which = "the front" if seen == len(front) else f"{seen} of the {len(front)} of the front"
    return (
        f"Figures and tables show {len(shown)} of {known} trials: {which}, what was re-trained, "
        "and others evenly by number; armtune report --json has all."
    )
