"""``armtune report``: what came out of a sweep, in the terminal and as one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._arguments import AsJson, Plugins, run_plugins
from armtune.cli._comparison import report_comparison
from armtune.cli._output import say
from armtune.cli._terminal import Terminal
from armtune.files import exists

if TYPE_CHECKING:
    from armtune.report.run import RunReport


def command(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Sweeps' folders, such as runs/avmnist, or a comparison's; and where their data "
            "lie by now, such as data.path=mine.npz.",
            show_default=False,
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The HTML page.",
            show_default="report.html in the run's folder; in this folder for several runs; "
            "a comparison's own files",
        ),
    ] = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Show a sweep's trials, its front, the chosen trial and what confirmed it; or a comparison.

    Also writes one HTML page with figures, which opens offline; it compares several runs.
    A run that may only be read has its page where --to says, or none.
    Runs no code that a run's recipe names, unless it is given by --plugins.
    """
    from armtune.comparison.record import is_comparison
    from armtune.report.page_target import check_page
    from armtune.report.run import RunReport

    if to is not None:
        check_page(to)
    run_plugins(plugins)
    changes = [text for text in runs if _is_change(text)]
    folders = [Path(text) for text in runs if text not in changes]
    if not folders:
        raise typer.BadParameter("name a run's folder")
    if any(map(is_comparison, folders)):
        if len(runs) > 1:
            raise typer.BadParameter("a comparison is shown by itself: name its folder alone")
        report_comparison(folders[0], to, as_json)
        return
    reports = [RunReport.read(folder, changes) for folder in folders]
    if as_json:
        told = [report.as_dict() for report in reports]
        shown = told[0] if len(told) == 1 else told
        typer.echo(json.dumps(shown, indent=2, allow_nan=False))
    else:
        console = Terminal.wide()
        for report in reports:
            _show(report, console)
    path = _write(reports, folders, to)
    if path and not as_json:
        say(f"page: {path}")


def _is_change(text: str) -> bool:
    return "=" in text and not exists(Path(text))


def _write(reports: Sequence[RunReport], folders: Sequence[Path], to: Path | None) -> Path | None:
    """Writes the page; where it is, if it could be written where nobody asked for it."""
    from armtune.errors import RunError
    from armtune.files import writing_to
    from armtune.report.page import REPORT, page, write_report

    if to is not None:
        with writing_to(to) as place:
            place.write_text(page(reports), encoding="utf-8", errors="backslashreplace")
        return to
    path = folders[0] / REPORT if len(folders) == 1 else Path(REPORT)
    try:
        write_report(reports, path)
    except RunError as error:  # what was found is shown all the same
        say(f"no page: {error}; name another place with --to", err=True)
        return None
    return path


def show_verdict(report: RunReport, console: Terminal) -> None:
    """Prints the verdict, warnings in yellow."""
    for line in report.verdict:
        style = "yellow" if line.startswith("Warning") else "bold"
        console.print(line, style=style, soft_wrap=True)


def _show(report: RunReport, console: Terminal) -> None:
    from armtune.report.costs import costs_line
    from armtune.report.tables import failures

    show_verdict(report, console)
    console.print(f"{report.name} on {report.data}")
    shown = report.shown
    console.show(shown.grids())
    told = [*failures(shown.records), *report.notes, report.choice, report.preserved]
    for line in filter(None, [*told, report.left_out, costs_line(report.costs)]):
        console.print(line)
