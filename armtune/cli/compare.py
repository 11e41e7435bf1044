"""``armtune compare``: balancing methods side by side, each with an equal sweep."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._arguments import (
    Address,
    AsJson,
    Inline,
    Overrides,
    Quiet,
    RecipePath,
    Resume,
    resumable,
    typed_again,
)
from armtune.cli.report import WIDTH

if TYPE_CHECKING:
    from rich.console import Console

    from armtune.compare.run import Comparison
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space
    from armtune.sweeps import SweepResult
    from armtune.sweeps.run import Place


Methods = Annotated[
    str,
    typer.Option(
        metavar="NAME,NAME,…",
        help="Balancing methods, such as none,arm, or all.",
        show_default=False,
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        min=1, help="Seeds each best setting is re-trained with.", show_default="the recipe's"
    ),
]
Trials = Annotated[
    int | None, typer.Option(min=1, help="Trials a method.", show_default="the recipe's")
]
Cuts = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Cuts of the data to do it all on: data.seed and those after it."
    ),
]
To = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where runs and report go.", show_default="runs/<name>-compare"
    ),
]


def command(
    recipe: RecipePath,
    methods: Methods,
    overrides: Overrides = None,
    seeds: Seeds = None,
    trials: Trials = None,
    cuts: Cuts = 1,
    to: To = None,
    resume: Resume = False,
    inline: Inline = False,
    address: Address = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare balancing methods: an equal sweep each, its best setting over the same seeds."""
    from armtune.cli._progress import progress_bars
    from armtune.cli._terminal import Terminal
    from armtune.compare.cuts import cut_recipes
    from armtune.compare.plan import budgeted, methods_of
    from armtune.datasets._load import load_dataset
    from armtune.recipe.space import is_open, load_sweep, placed, settled_by_data
    from armtune.report.method_comparison import as_dict
    from armtune.report.method_comparison_files import write_comparison
    from armtune.sweeps.run import Place

    loaded, space = load_sweep(recipe, overrides or [])
    if is_open(loaded):
        with progress_bars(Terminal(stderr=as_json)) as progress:
            dataset = load_dataset(loaded, recipe.parent, progress)
        with placed(recipe, overrides or []):
            loaded, space = settled_by_data(loaded, space, dataset, recipe.parent)
    equal, names = budgeted(loaded, recipe, trials, seeds), methods_of(methods)
    each = cut_recipes(equal, cuts) if cuts > 1 else [equal]
    folder = to or Path("runs") / f"{loaded.name}-compare"
    console = Terminal(stderr=as_json)
    if not console.is_terminal:
        console.width = WIDTH
    place = Place(folder, recipe.parent, resume, inline, address)
    with placed(recipe, overrides or []), resumable():
        comparison = _run(each, space, names, place, console, quiet)
    files = write_comparison(comparison, folder)
    if as_json:
        typer.echo(json.dumps(as_dict(comparison), indent=2, allow_nan=False))
    _tell(comparison, files, console)


def _run(
    recipes: Sequence[Recipe],
    space: Space,
    methods: Sequence[str],
    place: Place,
    console: Console,
    quiet: bool,
) -> Comparison:
    """The comparison on each cut's recipe, in a folder each where there are several."""
    from armtune.cli._progress import progress_bars
    from armtune.compare.cuts import over_cuts, refuse_given
    from armtune.compare.plan import contenders
    from armtune.compare.run import compare
    from armtune.data.overview import doubts
    from armtune.datasets._load import load_dataset
    from armtune.recipe.shape_checks import refuse_unread
    from armtune.report.live import LiveListener
    from armtune.report.tensorboard import TensorBoardListener
    from armtune.sweeps import sweep
    from armtune.sweeps.engines.engine import check_inline
    from armtune.sweeps.run import supply
    from armtune.sweeps.study.folder import may_start

    def train(own: Recipe, folder: Path) -> SweepResult:
        with LiveListener(own, console, quiet) as live:
            return sweep(
                own,
                folder,
                place.recipe_folder,
                listeners=[live, TensorBoardListener()],
                # Within a comparison a method's sweep starts or goes on, whichever it needs.
                resume=True,
                inline=place.inline,
                address=place.address,
            )

    recipe, home = recipes[0], place.recipe_folder
    each = [contenders(own, home, methods) for own in recipes]
    if place.inline:
        check_inline(recipe)
    may_start(place.folder, place.resume)
    with progress_bars(console) as progress:
        datasets = [load_dataset(own, home, progress) for own in recipes]
    dataset = datasets[0]
    if len(datasets) > 1:
        refuse_given(*datasets[:2])
    for note in [*refuse_unread(recipe, space.dimensions, dataset.shapes), *doubts(dataset)]:
        console.print(note, style="yellow", highlight=False)
    # One Ray for all sweeps, so that not each has to start its own.
    with supply(place) as ready:
        ready()
        words = typed_again(but=("--json", "--quiet", "--resume"))
        if len(recipes) == 1:
            return compare(recipe, each[0], place, dataset, train, words)
        places = [replace(place, folder=place.folder / f"cut-{k}") for k in range(len(recipes))]
        todo = zip(recipes, each, places, datasets, strict=True)
        return over_cuts([compare(*own, train, words) for own in todo])


def _tell(comparison: Comparison, files: Sequence[Path], console: Console) -> None:
    """Prints the figures that matter most; the files have them all."""
    from armtune.compare.run import GAP
    from armtune.report.method_comparison import budget_grid, difference_grid, notes, result_grid

    shown = [
        budget_grid(comparison),
        result_grid(comparison, "validation"),
        result_grid(comparison, "test"),
        difference_grid(comparison, comparison.score),
        difference_grid(comparison, GAP),
    ]
    for grid in shown:
        if grid.rows:
            console.print(grid.rich())
    for note in notes(comparison):
        console.print(note, style="yellow")
    console.print(f"report: {shlex.join(map(str, files))}", soft_wrap=True)
