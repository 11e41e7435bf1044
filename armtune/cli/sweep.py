"""``armtune sweep``: from a recipe to the exported winner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._arguments import Overrides, RecipePath

if TYPE_CHECKING:
    from rich.console import Console

    from armtune.recipe.schema import Recipe
    from armtune.sweep import SweepResult


def command(
    recipe: RecipePath,
    overrides: Overrides = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run's folder.", show_default="runs/<name>"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an earlier sweep.")] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Train in this process, without Ray.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(help="Address of a running Ray cluster.", show_default="this machine"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Plain lines, no live picture.")] = False,
) -> None:
    """Search the recipe's space, confirm the best over several seeds, and export the winner."""
    from rich.console import Console

    from armtune.recipe.space import load_sweep

    loaded, _ = load_sweep(recipe, overrides or [])
    folder = to or Path("runs") / loaded.name
    console = Console()
    try:
        result = _run(loaded, recipe.parent, folder, console, resume, inline, address, quiet)
    except KeyboardInterrupt:
        words = [
            "armtune sweep",
            str(recipe),
            *(overrides or []),
            *(["--to", str(to)] if to else []),
        ]
        typer.echo(f"\nstopped; this goes on where it was:\n  {' '.join(words)} --resume", err=True)
        raise
    _tell(result, loaded, console)


def _run(
    recipe: Recipe,
    recipe_folder: Path,
    folder: Path,
    console: Console,
    resume: bool,
    inline: bool,
    address: str | None,
    quiet: bool,
) -> SweepResult:
    from armtune.cli._progress import progress_bars
    from armtune.data.load import load_dataset
    from armtune.live import LiveListener
    from armtune.report.tensorboard import TensorBoardListener
    from armtune.sweep import sweep
    from armtune.sweep.folder import may_start

    may_start(folder, resume)
    with progress_bars(console) as progress:
        load_dataset(recipe, recipe_folder, progress)
    with LiveListener(recipe, console, quiet) as live:
        return sweep(
            recipe,
            folder,
            recipe_folder,
            listeners=[live, TensorBoardListener()],
            resume=resume,
            inline=inline,
            address=address,
        )


def _tell(result: SweepResult, recipe: Recipe, console: Console) -> None:
    """Prints what was found, exports the winner, and says what can be done next."""
    from armtune.objectives import Goals
    from armtune.report.tables import confirmed_grid, front_grid
    from armtune.winner import BEST, export_trial

    goals = Goals.from_recipe(recipe)
    console.print(front_grid(result.records, result.front, goals, result.chosen).rich())
    if result.confirmed:
        seeds = {n: [c.metrics for c in found] for n, found in result.confirmed.items()}
        console.print(confirmed_grid(seeds, goals).rich())
    for note in result.notes:
        console.print(note, style="yellow")
    run = result.folder
    if result.chosen is not None:
        export_trial(run, result.chosen, run / BEST)
        console.print(f"winner: trial {result.chosen} ({recipe.sweep.choose}), in {run / BEST}")
    console.print(_next(run), soft_wrap=True, highlight=False)


def _next(run: Path) -> str:
    lines: Sequence[str] = (
        "next:",
        f"  tensorboard --logdir {run}",
        f"  armtune report {run}",
        f"  armtune predict {run / 'best'} --input samples.npz",
    )
    return "\n".join(lines)
