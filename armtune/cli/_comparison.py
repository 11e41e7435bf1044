"""A comparison in the terminal: just run, or read from its folder."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from armtune.cli._output import say
from armtune.cli._terminal import Terminal

if TYPE_CHECKING:
    from armtune.comparison.run import Comparison


def show_comparison(comparison: Comparison, console: Terminal) -> None:
    """Prints the figures that matter most; the files have them all."""
    from armtune.comparison.run import GAP
    from armtune.report.method_comparison import budget_grid, difference_grid, notes, result_grid

    shown = [
        budget_grid(comparison),
        result_grid(comparison, "validation"),
        result_grid(comparison, "test"),
        difference_grid(comparison, comparison.score),
        difference_grid(comparison, GAP),
    ]
    console.show(grid for grid in shown if grid.rows)
    for note in notes(comparison):
        console.print(note, style="yellow")


def tell_files(files: Sequence[Path], console: Terminal) -> None:
    """Says where the report is."""
    console.print(f"report: {shlex.join(map(str, files))}", soft_wrap=True)


def report_comparison(folder: Path, to: Path | None, as_json: bool) -> None:
    """Prints a comparison again, and writes its files where they can be written.

    Args:
        to: where its page goes alone, if that was said.
    """
    from armtune.comparison.read import read_comparison
    from armtune.errors import RunError
    from armtune.report.method_comparison import as_dict
    from armtune.report.method_comparison_files import write_comparison, write_page

    comparison, console = read_comparison(folder), Terminal.wide(stderr=as_json)
    if as_json:
        typer.echo(json.dumps(as_dict(comparison), indent=2, allow_nan=False))
    else:
        show_comparison(comparison, console)
    try:
        files = [write_page(comparison, to)] if to else write_comparison(comparison, folder)
    except RunError as error:  # what was found is shown all the same
        if to is not None:
            raise
        say(f"no report: {error}; name another place with --to", err=True)
        return
    tell_files(files, console)
