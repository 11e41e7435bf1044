"""``armtune report``: what came out of a sweep, in the terminal and as one page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._arguments import AsJson, Plugins, RunPaths, run_plugins
from armtune.cli._terminal import Terminal

if TYPE_CHECKING:
    from armtune.report.run import RunReport

WIDTH = 160
"""Characters of a line where no terminal says how many it has."""


def command(
    runs: RunPaths,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The HTML page.",
            show_default="report.html in the run's folder; in this folder for several runs",
        ),
    ] = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Show a sweep's trials, its front, the chosen trial and what confirmed it.

    Also writes one HTML page with figures, which opens offline; it compares several runs.
    Runs no code that a run's recipe names, unless it is given by --plugins.
    """
    from armtune.report.page import REPORT, write_report
    from armtune.report.run import RunReport

    run_plugins(plugins)
    reports = [RunReport.read(run) for run in runs]
    path = to or (runs[0] / REPORT if len(runs) == 1 else Path(REPORT))
    write_report(reports, path)
    if as_json:
        told = [report.as_dict() for report in reports]
        shown = told[0] if len(told) == 1 else told
        typer.echo(json.dumps(shown, indent=2, allow_nan=False))
        return
    console = Terminal()
    if not console.is_terminal:
        console.width = WIDTH
    for report in reports:
        _show(report, console)
    console.print(f"page: {path}", highlight=False, soft_wrap=True)


def _show(report: RunReport, console: Terminal) -> None:
    from armtune.report.tables import failures

    console.print(f"{report.name} on {report.data}")
    for grid in report.grids():
        console.print(grid.rich())
    for line in filter(
        None, [*failures(report.records), *report.notes, report.choice, report.preserved]
    ):
        console.print(line)
