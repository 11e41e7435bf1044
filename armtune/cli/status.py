"""``armtune status``: how far a sweep or a comparison is, from another terminal."""

from __future__ import annotations

import json

import typer

from armtune.cli._arguments import AsJson, Plugins, RunPath, run_plugins
from armtune.cli._output import say


def command(run: RunPath, plugins: Plugins = None, as_json: AsJson = False) -> None:
    """Say how far a sweep or a comparison is; reads its journals only, while it runs too.

    Runs no code that the run's recipe names, unless it is given by --plugins.
    """
    from armtune.comparison.record import is_comparison
    from armtune.report.comparison_status import read_comparison_status
    from armtune.report.status import read_status

    run_plugins(plugins)
    status = read_comparison_status(run) if is_comparison(run) else read_status(run)
    if as_json:
        typer.echo(json.dumps(status.as_dict(), indent=2, allow_nan=False))
        return
    say("\n".join(status.lines()))
