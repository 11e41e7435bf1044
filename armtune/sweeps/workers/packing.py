"""Which trials can train as one program, and how many of them pay."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from armtune.plugins.options import Options
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers.trial import Served, Task, TrainingFactory

SIZES = (2, 4, 8, 16, 32, 64)
"""Sizes that are tried, with the largest there is room for; beyond, no processor gains."""
ROUNDS = 4
"""Packs that each worker shall fill in a search, so that a sampler still learns between them."""
GAIN = 1.05
"""How many times more trials an hour a larger pack has to give."""
MOST_NUMBERS = 100_000_000
"""Numbers that a pack's update may make where its size is counted: beyond, as measured on two CPU
cores, the arithmetic takes most of the time, and more members gain little."""
ENOUGH_SECONDS, LONGEST_SECONDS = 0.3, 2.0
"""A size is timed for at least so long, and within an epoch for no longer."""

JUDGED = 1.4
"""What a slow training takes with its validation, of what its steps take (UTD-MHAD, five folds)."""


def program_of(recipe: Recipe) -> str:
    """What members of a pack have in common, as text.

    They may differ in their seed and in the numbers of the optimizer, of augmentations and of the
    balancing method, but for how much a method holds out.
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
    for name, modality in recipe.modalities.items():
        augment = {key: _shape(options) for key, options in modality.augment.items()}
        common["modalities"][name] |= {"lr_scale": 1.0, "augment": augment}
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


def counted(recipe: Recipe, factory: TrainingFactory, samples: Served, most: int) -> int:
    """The size, up to ``most``, at which a pack's update is still a small one.

    No clock decides, so that a sweep can be repeated.
    """
    each = factory.numbers(recipe, samples)
    return max(size for size in (1, *_sizes(most)) if size == 1 or size * each <= MOST_NUMBERS)


def _sizes(most: int) -> list[int]:
    """The sizes that are tried, but for 1."""
    end = min(most, SIZES[-1])
    return sorted({size for size in SIZES if size < end} | ({end} - {1}))


@dataclass(frozen=True)
class Packing:
    """Members of a pack, and how many times more trials an hour they give than one by one."""

    size: int = 1
    gain: float = 1.0


def measured(recipe: Recipe, factory: TrainingFactory, samples: Served, most: int) -> Packing:
    """The size, up to ``most``, that gives most trials an hour: the first steps are timed.

    A larger pack is tried as long as the last one paid and memory holds it.
    """
    alone = rate = _rate(recipe, factory, samples, 1)
    best = 1
    for size in _sizes(most):
        try:
            larger = _rate(recipe, factory, samples, size)
        except RuntimeError:  # as torch says that memory is short
            break
        if larger < GAIN * rate:
            break
        best, rate = size, larger
    return Packing(best, rate / alone)


def gain_of(recipe: Recipe, factory: TrainingFactory, samples: Served, size: int) -> float:
    """How many times more trials an hour packs of a size give than trials one by one."""
    alone, packed = (_rate(recipe, factory, samples, n) for n in (1, size))
    return packed / alone


def full_length(recipe: Recipe, factory: TrainingFactory, samples: Served) -> float:
    """Seconds that a training would take to its full length, by its first steps."""
    return JUDGED * recipe.training.epochs / _rate(recipe, factory, samples, 1)


def _rate(recipe: Recipe, factory: TrainingFactory, samples: Served, size: int) -> float:
    """Epochs a second of all members of a pack, from its second step on."""
    training = factory.training([recipe] * size, samples)
    training.train_steps(lambda: True)
    before, started = training.progress(), time.perf_counter()

    def seconds() -> float:
        return time.perf_counter() - started

    while seconds() < ENOUGH_SECONDS and training.epochs[0] < recipe.training.epochs:
        if training.train_steps(lambda: seconds() > LONGEST_SECONDS):
            training.advance()
    return size * (training.progress() - before) / seconds()
