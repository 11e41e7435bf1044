"""``armtune plan``: what a sweep would run and cost, without running it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from armtune.cli._arguments import (
    METHODS,
    Alone,
    AsJson,
    Cuts,
    Overrides,
    RecipePath,
    RunTo,
    Seeds,
    Trials,
)
from armtune.cli._output import say

if TYPE_CHECKING:
    from armtune.comparison.estimate import ComparisonEstimate
    from armtune.comparison.whole import Prepared, Wanted
    from armtune.recipe.ranges import Dimension
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space
    from armtune.sweeps.study.estimate import Estimate

TOO_MUCH = "more than this machine has: lower sweep.resources, or sweep on a cluster with --address"


def command(
    recipe: RecipePath,
    overrides: Overrides = None,
    to: RunTo = None,
    inline: Annotated[
        bool, typer.Option("--inline", help="Plan a sweep in one process, without Ray.")
    ] = False,
    methods: Annotated[str | None, METHODS] = None,
    seeds: Seeds = None,
    trials: Trials = None,
    cuts: Cuts = 1,
    alone: Alone = False,
    as_json: AsJson = False,
) -> None:
    """Show what a sweep would run, and estimate its time and memory from a few timed epochs.

    The estimate is left in the run's folder; after the sweep, the report says how far off it was.
    With --methods, and --seeds, --trials, --cuts and --alone, of what armtune compare would run.
    """
    if methods is not None:
        from armtune.comparison.whole import Wanted

        wanted = Wanted(methods, trials, seeds, cuts, alone)
        _plan_comparison(recipe, overrides or [], wanted, to, inline, as_json)
        return
    if seeds is not None or trials is not None or cuts != 1 or alone:
        said = "--seeds, --trials, --cuts and --alone are for comparisons: add --methods"
        raise typer.BadParameter(said)
    from armtune.recipe.automatic import told
    from armtune.recipe.automatic_lengths import few_steps
    from armtune.recipe.space import is_open, load_sweep, placed, settled_by_data
    from armtune.recipe.start_checks import check_searched
    from armtune.sweeps.planning.plan import estimate
    from armtune.sweeps.study.folder import may_start
    from armtune.sweeps.workers.trial import TrainingFactory

    given, space = load_sweep(recipe, overrides or [])
    folder, factory = to or Path("runs") / given.name, TrainingFactory(recipe.parent)
    with placed(recipe, overrides or []):
        may_start(folder, resume=False)
        if not is_open(given):
            check_searched(given, space.dimensions)
        dataset = factory.dataset(given)
        loaded, space = settled_by_data(given, space, dataset, recipe.parent)
        notes = [*told(given, loaded), *few_steps(loaded, dataset)]
        found = estimate(loaded, space, factory, inline)
    found.write(folder)
    if as_json:
        typer.echo(json.dumps({**_content(loaded, space, found), "notes": notes}, indent=2))
    else:
        say("\n".join([*_lines(loaded, space, found), *notes]))


def _plan_comparison(
    recipe: Path, overrides: list[str], wanted: Wanted, to: Path | None, inline: bool, as_json: bool
) -> None:
    from armtune.comparison.estimate import estimate_comparison
    from armtune.comparison.whole import prepare
    from armtune.recipe.space import placed
    from armtune.sweeps.study.folder import may_start
    from armtune.sweeps.workers.trial import TrainingFactory

    prepared = prepare(recipe, overrides, wanted)
    folder = to or Path("runs") / f"{prepared.name}-compare"
    may_start(folder, resume=False, comparison=True)
    with placed(recipe, overrides):
        found = estimate_comparison(prepared, TrainingFactory(recipe.parent), inline)
    found.write(folder)
    if as_json:
        each = {method: _figures(own) for method, own in found.each.items()}
        told = {"name": prepared.name, "cuts": found.cuts, "seconds": found.seconds}
        typer.echo(json.dumps({**told, "methods": each}, indent=2))
    else:
        say("\n".join(_comparison_lines(prepared, found)))


def _comparison_lines(prepared: Prepared, found: ComparisonEstimate) -> Iterator[str]:
    from armtune.report.live import duration

    on = f" on each of {found.cuts} cuts" if found.cuts > 1 else ""
    yield f"{prepared.name}: {len(found.each)} sweeps, one after the other{on}"
    for contender in prepared.each[0]:
        note = f"; {contender.note}" if contender.note else ""
        if contender.recipe is None:
            yield f"  {contender.method}: left out{note}"
            continue
        own = found.each[contender.method]
        yield (
            f"  {contender.method}: {own.trials} trial{'s' * (own.trials != 1)} of "
            f"{own.epoch_seconds:.2f} s an epoch, "
            f"{own.trainings} re-trainings, "
            f"about {duration(found.method_seconds(contender.method))}{note}"
        )
    yield f"in all: about {duration(found.seconds)}"
    yield f"memory: at most about {found.memory_bytes / 2**30:.1f} GiB"


def _content(recipe: Recipe, space: Space, found: Estimate) -> dict[str, Any]:
    from armtune.recipe.start_checks import described
    from armtune.sweeps.planning.plan import size_of

    pruner, epochs = recipe.sweep.pruner, recipe.training.epochs
    return {
        "name": recipe.name,
        "trials": recipe.sweep.trials,
        "combinations": size_of(space),
        "dimensions": [
            {"path": d.path, "range": str(d), "when": {p: list(v) for p, v in d.when.items()}}
            for d in space.dimensions
        ],
        "sampler": described(recipe, space.dimensions),
        "pruner": pruner.name,
        "rungs": pruner.rungs(epochs),
        "epochs": epochs,
        "resources": recipe.sweep.resources.model_dump(),
        "estimate": _figures(found),
    }


def _figures(found: Estimate) -> dict[str, Any]:
    return {
        **asdict(found),
        "search_seconds": found.search_seconds,
        "longest_seconds": found.longest_seconds,
        "after_seconds": found.after_seconds,
        "seconds": found.seconds,
    }


def _lines(recipe: Recipe, space: Space, found: Estimate) -> Iterator[str]:
    from armtune.recipe.start_checks import described
    from armtune.report.live import duration
    from armtune.sweeps.planning.plan import COUNTED, capacity_of, size_of

    sweep, epochs = recipe.sweep, recipe.training.epochs
    size = size_of(space)
    count = "no end of" if size is None else f"{size} or more" if size == COUNTED else str(size)
    yield f"{recipe.name}: {sweep.trials} trials over {count} combinations of values"
    yield from (f"  {_dimension(dimension)}" for dimension in space.dimensions)
    rungs = ", ".join(map(str, sweep.pruner.rungs(epochs)))
    compared = f"rungs after epochs {rungs}, of {epochs}" if rungs else "no rungs"
    yield f"sampler: {described(recipe, space.dimensions)}"
    yield f"pruner: {sweep.pruner.name}; {compared}"
    each = f"cpu {sweep.resources.cpu:g}, gpu {sweep.resources.gpu:g} a worker"
    if sweep.resources.workers > 1:
        each += f", {sweep.resources.workers} workers a trial"
    here = f"{found.workers} at once on this machine"
    yield f"resources: {each}; {here if capacity_of(recipe) else TOO_MUCH}"
    gain = f"{found.pack_gain:.2f} times the trials an hour" if found.pack > 1 else "no more pays"
    yield f"packs: {found.pack} to a worker ({sweep.pack}), {gain}"
    if found.folds:
        yield f"folds: {found.folds}; {found.trainings_a_trial} trainings a trial, as one program"
    begin = f"{found.begin_seconds:.2f} s to begin"
    by = " by one worker alone" if sweep.resources.workers > 1 else ""
    yield f"timed{by}: {found.epoch_seconds:.2f} s an epoch, {begin} ({found.settings} settings)"
    longest = f"{duration(found.longest_seconds)} if nothing is pruned"
    yield f"search: about {duration(found.search_seconds)}; {longest}"
    yield f"after it: {found.trainings} re-trainings, about {duration(found.after_seconds)}"
    start = f"{duration(found.start_seconds)} to start included"
    yield f"in all: about {duration(found.seconds)}, {start}"
    worker = f"{found.worker_bytes / 2**30:.2f} GiB a worker"
    yield f"memory: at most about {found.memory_bytes / 2**30:.1f} GiB, {worker}"


def _dimension(dimension: Dimension) -> str:
    spread = ", equal ratios equally likely" if dimension.log else ""
    step = f", in steps of {dimension.step:g}" if dimension.step else ""
    when = " and ".join(
        f"{path} is {' or '.join(map(str, values))}" for path, values in dimension.when.items()
    )
    return f"{dimension.path}: {dimension}{spread}{step}" + (f", when {when}" if when else "")
