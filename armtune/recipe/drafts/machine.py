"""How much to try, by what this machine has."""

from __future__ import annotations

from collections.abc import Iterator

from armtune.recipe.drafts.draft import Line
from armtune.recipe.machine import cores, gpus

QUICK, SLOW = 32, 12
"""Trials where a training takes seconds, and where it takes minutes."""

SECONDS = 540
"""The time of a first sweep."""


def usable_gpus() -> int:
    """GPUs that torch can use; it is asked only where the system shows one."""
    if not gpus():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def budget(slow: bool) -> Iterator[Line]:
    """What a sweep spends, as lines of ``sweep``."""
    found, here = usable_gpus(), cores()
    held = slow and not found
    said = "a training is slow without a GPU" if held else "a training takes seconds as a rule"
    yield Line("trials", SLOW if held else QUICK, f"{said}; armtune plan tells the time")
    yield Line("seconds", SECONDS, "nine minutes in all; --resume with more goes on where it ended")
    if held:
        yield Line("confirm", {"top": 2, "seeds": 3}, "the best two, trained with three more seeds")
    at_once = f"this machine has {here} CPU cores: a trial on each at a time"
    if found:
        at_once = f"this machine has {found} GPUs: a trial on each at a time"
    yield Line("resources", {"cpu": 1, "gpu": 1} if found else {"cpu": 1}, at_once)
