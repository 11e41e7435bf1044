"""``armtune sweep``: from a recipe to the exported winner."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from armtune.cli._arguments import (
    Address,
    AsJson,
    Inline,
    Overrides,
    Quiet,
    RecipePath,
    Resume,
    RunTo,
    Seconds,
    resumable,
)
from armtune.text.escapes import for_shell

if TYPE_CHECKING:
    from armtune.api import Result
    from armtune.cli._terminal import Terminal
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space


def command(
    recipe: RecipePath,
    overrides: Overrides = None,
    to: RunTo = None,
    seconds: Seconds = None,
    resume: Resume = False,
    inline: Inline = False,
    address: Address = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Search the recipe's space, confirm the best over several seeds, and export the winner."""
    began = time.monotonic()
    from armtune.cli._terminal import Terminal
    from armtune.recipe.space import load_sweep, placed

    changes = [*(overrides or []), *([f"sweep.seconds={seconds}"] if seconds else [])]
    loaded, space = load_sweep(recipe, changes)
    folder = to or Path("runs") / loaded.name
    console = Terminal.wide(stderr=as_json)
    with placed(recipe, changes), resumable():
        result = _run(
            loaded, space, recipe.parent, folder, console, resume, inline, address, quiet, began
        )
    if as_json:
        told = {**result.report.as_dict(), "notes": result.notes, "folder": str(folder)}
        typer.echo(json.dumps(told, indent=2, allow_nan=False))
    _tell(result, console)


def _run(
    recipe: Recipe,
    space: Space,
    recipe_folder: Path,
    folder: Path,
    console: Terminal,
    resume: bool,
    inline: bool,
    address: str | None,
    quiet: bool,
    began: float,
) -> Result:
    from armtune.api import sweep_and_export
    from armtune.cli._progress import progress_bars
    from armtune.datasets._load import load_dataset
    from armtune.recipe.automatic import told
    from armtune.recipe.automatic_lengths import few_steps
    from armtune.recipe.data_notes import data_notes
    from armtune.recipe.space import is_open, settled_by_data
    from armtune.recipe.start_checks import check_searched
    from armtune.report.live import LiveListener
    from armtune.sweeps.engines.engine import check_inline
    from armtune.sweeps.study.costs import DATA, START
    from armtune.sweeps.study.folder import may_start

    if not is_open(recipe):
        check_searched(recipe, space.dimensions)
    if inline:
        check_inline(recipe)
    may_start(folder, resume)
    started = time.monotonic()
    with progress_bars(console) as progress:
        dataset = load_dataset(recipe, recipe_folder, progress)
    read = time.monotonic() - started
    given = recipe
    recipe, space = settled_by_data(given, space, dataset, recipe_folder)
    for said in told(given, recipe):
        console.print(said, highlight=False)
    for note in [*data_notes(recipe, space.dimensions, dataset), *few_steps(recipe, dataset)]:
        console.print(note, style="yellow", highlight=False)
    with LiveListener(recipe, console, quiet) as live:
        before = {DATA: read, START: time.monotonic() - began - read}
        return sweep_and_export(
            recipe, folder=folder, recipe_folder=recipe_folder, listeners=[live],
            resume=resume, inline=inline, address=address, before=before,
        )  # fmt: skip


def _tell(result: Result, console: Terminal) -> None:
    """Prints what was found, and says what can be done next."""
    from armtune.cli.report import show_verdict
    from armtune.report.costs import costs_line

    show_verdict(result.report, console)
    console.show(result.report.grids()[1:])
    for note in result.notes:
        console.print(note, style="yellow")
    if cost := costs_line(result.report.costs):
        console.print(cost, soft_wrap=True, highlight=False)
    if result.best is not None:
        rule = result.report.rule
        names = [export.name for export in result.report.exports if export.exported]
        what = "".join(f", exported as {name}" for name in names)
        console.print(f"winner: trial {result.chosen} ({rule}){what}, in {result.best}")
    console.print(_next(result), soft_wrap=True, highlight=False)


def _next(result: Result) -> str:
    from armtune.report.headline import next_steps
    from armtune.report.page import REPORT

    report = result.report
    steps = next_steps(result.folder, result.best, report.recipe, report.front)
    page = f"open {for_shell(result.folder / REPORT)}"
    return "\n".join(["next:", f"  {page}", *(f"  {command}" for _, command in steps)])
