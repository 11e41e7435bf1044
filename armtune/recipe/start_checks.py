"""What a sweep starts from: settings given in the recipe, and whether the space has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from armtune.balancing import makers
from armtune.errors import Fault, RecipeError
from armtune.files import is_file
from armtune.recipe.checks import goals
from armtune.recipe.document import Document, Steps, shown
from armtune.recipe.load import with_overrides
from armtune.recipe.ranges import Dimension
from armtune.recipe.schedule import unchangeable
from armtune.recipe.schema import Recipe
from armtune.recipe.wording import did_you_mean
from armtune.samplers import Demand

JOURNAL = "study.journal"
METHOD = "balancing.name"


def demand_of(recipe: Recipe, dimensions: Sequence[Dimension]) -> Demand:
    """What a recipe's sampler is to serve."""
    sweep = recipe.sweep
    judged = len(sweep.objectives) if sweep.mode == "pareto" else 1
    return Demand(judged, len(sweep.constraints), sweep.trials, dimensions)


def described(recipe: Recipe, dimensions: Sequence[Dimension]) -> str:
    """The sampler's name; of one that was left to choose also why."""
    sampler, reason = recipe.sweep.sampler.settled(demand_of(recipe, dimensions))
    return f"{sampler.name}, chosen because {reason}" if reason else sampler.name


def check_searched(recipe: Recipe, dimensions: Sequence[Dimension]) -> None:
    """Refuses to try the same values more than once.

    Raises:
        RecipeError: there are several trials, and nothing differs between them.
    """
    if not dimensions and recipe.sweep.trials > 1:
        hint = "give sweep.space something to vary, or set sweep.trials to 1"
        raise RecipeError([Fault("there is nothing to search", "sweep.trials", hint=hint)])


def start_faults(
    recipe: Recipe, dimensions: Sequence[Dimension], document: Document, folder: Path
) -> Iterator[Fault]:
    """Faults of ``sweep.sampler`` and ``sweep.start_from``, which only the space can tell.

    Args:
        folder: the recipe's folder.
    """
    yield from unmade_faults(recipe, dimensions, document)
    problem = recipe.sweep.sampler.problem(demand_of(recipe, dimensions))
    if problem:
        yield document.fault(("sweep", "sampler", "name"), problem)
    if recipe.sweep.pruner.population:
        for problem in _population_problems(recipe, dimensions):
            yield document.fault(("sweep", "pruner", "name"), problem)
    for i, item in enumerate(recipe.sweep.start_from):
        steps: Steps = ("sweep", "start_from", i)
        if recipe.sweep.sampler.name == "grid":
            yield document.fault(steps, "grid tries every combination anyway; leave start_from out")
        elif isinstance(item, dict):
            yield from _values(recipe, item, dimensions, document, steps)
    yield from missing_sweeps(recipe, document, folder)


def missing_sweeps(recipe: Recipe, document: Document, folder: Path) -> Iterator[Fault]:
    """Faults of ``sweep.start_from`` where it names folders that hold no sweep."""
    for i, item in enumerate(recipe.sweep.start_from):
        if isinstance(item, str) and not is_file(folder / item / JOURNAL):
            said = f"there is no sweep in {folder / item}"
            yield document.fault(("sweep", "start_from", i), said)


def unmade_faults(
    recipe: Recipe, dimensions: Sequence[Dimension], document: Document
) -> Iterator[Fault]:
    """Goals that read what a balancing method of some trial doesn't measure."""
    drawn = [d.choices for d in dimensions if d.path == METHOD]
    for method in drawn[0] if drawn else (recipe.balancing.name,):
        for steps, said in unmade(recipe, method):
            yield document.fault(steps, said)


def unmade(recipe: Recipe, method: str) -> Iterator[tuple[Steps, str]]:
    """Goals that read what a balancing method doesn't measure: where, and what is wrong."""
    for steps, metrics in goals(recipe):
        for metric in metrics:
            able = makers(metric, list(recipe.modalities))
            if able and method not in able:
                yield (
                    steps,
                    f"{metric} is measured by balancing {' or '.join(able)}, not by {method}",
                )


def _population_problems(recipe: Recipe, dimensions: Sequence[Dimension]) -> Iterator[str]:
    """Why a population can't be trained on a space."""
    name = recipe.sweep.pruner.name
    if recipe.training.schedule:
        yield f"{name} makes a schedule of its own; leave training.schedule out"
    if recipe.sweep.seconds is not None:
        yield f"{name} trains all its members to the end; leave sweep.seconds out"
    if recipe.sweep.patience:
        yield f"{name} trains all its members to the end; leave sweep.patience out"
    if recipe.training.patience:
        yield f"{name} lets members go on from each other; leave training.patience out"
    if recipe.sweep.trials < 2:
        yield f"{name} needs at least two trials"
    for dimension in dimensions:
        if dimension.when:
            yield f"{name} can't search {dimension.path}, which has a condition"
        else:
            said = (unchangeable(recipe, dimension.path, v) for v in dimension.extremes)
            yield from (f"{name} can't search {dimension.path}: {p}" for p in set(said) if p)


def _values(
    recipe: Recipe,
    values: Mapping[str, Any],
    dimensions: Sequence[Dimension],
    document: Document,
    steps: Steps,
) -> Iterator[Fault]:
    sound = True
    for path, value in values.items():
        for said, hint in _value(path, value, dimensions):
            sound = False
            yield document.fault((*steps, path), said, hint)
    if not sound:
        return
    try:
        with_overrides(recipe, values)
    except RecipeError as error:
        for fault in error.faults:
            yield document.fault(steps, f"{fault.path}: {fault.message}", fault.hint)


def _value(path: str, value: Any, dimensions: Sequence[Dimension]) -> Iterator[tuple[str, str]]:
    meant = [d for d in dimensions if fnmatchcase(d.path, path)]
    if not meant:
        paths = [d.path for d in dimensions]
        yield "no range searches this path", did_you_mean(path, paths, otherwise="there are")
    for dimension in meant:
        if not dimension.holds(value):
            yield f"{dimension.path} is drawn from {dimension}, never {shown(value)}", ""
            return
