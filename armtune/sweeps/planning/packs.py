"""What packs bring to a search whose trials can't all train as one program."""

from __future__ import annotations

from collections.abc import Sequence

from armtune.sweeps.study.retraining_time import length_of
from armtune.sweeps.workers.packing import Packing


def search_gain(programs: Sequence[str], packing: Packing) -> float:
    """How many times more trials an hour packs give, where only the same programs share one.

    Args:
        programs: what each trial's program is, in the order in which trials are drawn.
        packing: what packs of one program give.
    """
    sizes = pack_sizes(programs, packing.size)
    return len(programs) / sum(length_of(size, packing) for size in sizes)


def pack_sizes(programs: Sequence[str], most: int) -> list[int]:
    """Members of the packs that a search makes, as ``Search.fill`` does.

    While a pack is filled, no more trials of other programs are put aside than it has members.
    """
    left, aside, sizes = list(programs), list[str](), list[int]()
    while left or aside:
        program = aside.pop(0) if aside else left.pop(0)
        size = 1
        while size < most:
            if program in aside:
                aside.remove(program)
            elif not _drawn(program, left, aside, size):
                break
            size += 1
        sizes.append(size)
    return sizes


def _drawn(program: str, left: list[str], aside: list[str], size: int) -> bool:
    """Whether another trial of a program was drawn; those of others are put aside."""
    while left and len(aside) <= size:
        drawn = left.pop(0)
        if drawn == program:
            return True
        aside.append(drawn)
    return False
