"""``armtune compare``: balancing methods side by side, each with an equal sweep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._arguments import (
    METHODS,
    Address,
    Alone,
    AsJson,
    Cuts,
    Inline,
    Overrides,
    Quiet,
    RecipePath,
    Resume,
    Seeds,
    Trials,
    resumable,
    typed_again,
)
from armtune.cli._comparison import show_comparison, tell_files
from armtune.cli._terminal import Terminal

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe
    from armtune.sweeps.study.records import Listener


def command(
    recipe: RecipePath,
    methods: Annotated[str, METHODS],
    overrides: Overrides = None,
    seeds: Seeds = None,
    trials: Trials = None,
    cuts: Cuts = 1,
    alone: Alone = False,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where runs and report go.", show_default="runs/<name>-compare"
        ),
    ] = None,
    resume: Resume = False,
    inline: Inline = False,
    address: Address = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare balancing methods: an equal sweep each, its best setting over the same seeds."""
    from armtune.cli._progress import progress_bars
    from armtune.comparison.whole import Wanted, load_data, prepare, run_comparison
    from armtune.recipe.space import placed
    from armtune.report.live import LiveListener
    from armtune.report.method_comparison import as_dict
    from armtune.report.method_comparison_files import write_comparison
    from armtune.report.tensorboard import TensorBoardListener
    from armtune.sweeps.run import Place

    console = Terminal.wide(stderr=as_json)

    @contextmanager
    def listening(own: Recipe) -> Iterator[Sequence[Listener]]:
        with LiveListener(own, console, quiet) as live:
            yield [live, TensorBoardListener()]

    wanted = Wanted(methods, trials, seeds, cuts, alone)
    with placed(recipe, overrides or []), resumable():
        with progress_bars(console) as progress:
            prepared = prepare(recipe, overrides or [], wanted, progress)
            folder = to or Path("runs") / f"{prepared.name}-compare"
            place = Place(folder, recipe.parent, resume, inline, address)
            datasets, notes = load_data(prepared, place, progress)
        for note in notes:
            console.print(note, style="yellow", highlight=False)
        words = typed_again(but=("--json", "--quiet", "--resume"))
        comparison = run_comparison(prepared, datasets, place, listening, words)
    files = write_comparison(comparison, folder)
    if as_json:
        typer.echo(json.dumps(as_dict(comparison), indent=2, allow_nan=False))
    show_comparison(comparison, console)
    tell_files(files, console)
