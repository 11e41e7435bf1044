"""``armtune export``: a trial's model as a folder that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from armtune.cli._arguments import RunPath


def command(
    run: RunPath,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where it goes.", show_default=False)],
    trial: Annotated[
        int | None, typer.Option(help="Number of the trial.", show_default="the chosen one")
    ] = None,
) -> None:
    """Export the chosen trial of a run, or another, as a bundle to predict from."""
    from armtune.winner import chosen_trial, export_trial

    number = chosen_trial(run) if trial is None else trial
    export_trial(run, number, to)
    typer.echo(f"trial {number} exported to {to}")
