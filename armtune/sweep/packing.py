"""Which trials can train as one program, and how many of them pay."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from armtune.options import Options
from armtune.recipe.schema import Recipe
from armtune.sweep.trial import Served, Task, Workshop

SIZES = (2, 4, 8, 16, 32, 64)
"""Sizes that are tried, with the largest there is room for; beyond, no processor gains."""
ROUNDS = 4
"""Packs that each worker shall fill in a search, so that a sampler still learns between them."""
GAIN = 1.05
"""How many times more trials an hour a larger pack has to give."""
LONG_SECONDS = 2.0
"""An epoch that takes longer fills its processor: no larger pack is tried."""


def program_of(recipe: Recipe) -> str:
    """What members of a pack have in common, as text.

    They may differ in their seed and in the numbers of the optimizer and the balancing method,
    but for how much a method holds out.
    """
    optimizer, balancing = recipe.training.optimizer, recipe.balancing
    common = recipe.model_copy(
        update={
            "training": recipe.training.model_copy(update={"seed": 0}),
            "sweep": type(recipe.sweep)(),
        }
    ).model_dump()
    common["training"]["optimizer"] = _shape(optimizer)
    common["balancing"] = [_shape(balancing), balancing.held_out]
    for modality in common["modalities"].values():
        modality["lr_scale"] = 1.0
    return repr(common)


def _shape(options: Options) -> dict[str, object]:
    """Options that aren't numbers."""
    return {n: v for n, v in options.model_dump().items() if type(v) not in (int, float)}


def largest(recipe: Recipe, places: int) -> int:
    """The most members of a pack that a search leaves room for.

    Args:
        places: packs that train at once.
    """
    sweep = recipe.sweep
    if sweep.pack != "auto":
        return sweep.pack
    if sweep.resources.workers > 1:
        return 1
    # A time limit is a trial's own, and a pack's members share their time.
    return 1 if sweep.trial_seconds else max(1, sweep.trials // (ROUNDS * places))


def packs_of(tasks: Sequence[Task], size: int, places: int) -> list[list[Task]]:
    """Tasks in packs that train as one program each, first tasks first.

    Args:
        size: the most members of a pack.
        places: packs that train at once: none is larger than an even share of the tasks.
    """
    most = min(size, -(-len(tasks) // places))
    packs: list[list[Task]] = []
    programs: list[str] = []
    for task in tasks:
        program = program_of(task.recipe)
        fits = [p for p, own in zip(packs, programs, strict=True) if own == program]
        if fits and len(fits[-1]) < most:
            fits[-1].append(task)
        else:
            packs.append([task])
            programs.append(program)
    return packs


def is_open(recipe: Recipe, most: int) -> bool:
    """Whether a size is left to be measured, at most ``most``."""
    return most > 1 and recipe.sweep.pack == "auto"


@dataclass(frozen=True)
class Packing:
    """Members of a pack, and how many times more trials an hour they give than one by one."""

    size: int = 1
    gain: float = 1.0


def measured(recipe: Recipe, workshop: Workshop, samples: Served, most: int) -> Packing:
    """The size, up to ``most``, that gives most trials an hour: whole epochs are timed.

    A larger pack is tried as long as the last one paid.
    """
    best, rate, alone = 1, 0.0, 0.0
    end = min(most, SIZES[-1])
    for size in sorted({1, *[s for s in SIZES if s < end], end}):
        enough = size / (GAIN * rate) if rate else LONG_SECONDS
        seconds = _epoch_seconds([recipe] * size, workshop, samples, enough)
        if size > 1 and size / seconds < GAIN * rate:
            break
        best, rate = size, size / seconds
        alone = alone or rate
        if seconds > LONG_SECONDS:
            break
    return Packing(best, rate / alone)


def gain_of(recipe: Recipe, workshop: Workshop, samples: Served, size: int) -> float:
    """How many times more trials an hour packs of a size give than trials one by one."""
    alone, packed = (_epoch_seconds([recipe] * n, workshop, samples, 0.0) for n in (1, size))
    return size * alone / packed


def _epoch_seconds(
    recipes: Sequence[Recipe], workshop: Workshop, samples: Served, enough: float
) -> float:
    """The faster of the first two epochs; the first, if it took more than twice what is enough."""
    training = workshop.training(recipes, samples)
    took = []
    for _ in range(min(2, recipes[0].training.epochs)):
        started = time.perf_counter()
        training.advance()
        took.append(time.perf_counter() - started)
        if took[0] > 2 * enough:
            break
    return min(took)
