"""``armtune report``: what came out of a sweep, as tables in the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

WIDTH = 160
"""Characters of a line where no terminal says how many it has."""


def command(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="A sweep's folder, such as runs/avmnist.", show_default=False
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show a sweep's trials, its front, the chosen trial and what confirmed it."""
    from armtune.report.run import RunReport
    from armtune.report.tables import failures

    report = RunReport.read(run)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2, allow_nan=False))
        return
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(Text(f"{report.name} on {report.data}"))
    for grid in report.grids():
        console.print(grid.rich())
    for line in [*failures(report.records), report.choice]:
        console.print(Text(line))
