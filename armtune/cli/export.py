"""``armtune export``: a trial's model as a folder that needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from armtune.cli._arguments import AsJson, DataOverrides, Plugins, RunPath, run_plugins
from armtune.cli._output import say


def command(
    run: RunPath,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where it goes.", show_default=False)],
    overrides: DataOverrides = None,
    trial: Annotated[
        int | None, typer.Option(help="Number of the trial.", show_default="what the sweep chose")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of a comparison: the method.",
            show_default="the one that the recipe's rule picks on validation",
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAMES",
            help="Formats, with commas between: numpy, onnx, torch; or none, for weights alone.",
            show_default="numpy,torch, where they can hold the model",
        ),
    ] = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Export what a run or a comparison chose, or another trial, as a bundle to predict from.

    Every format is run on the run's data and must agree with the trained model before anything is
    written.
    """
    from armtune.cli._progress import progress_bars
    from armtune.cli._terminal import Terminal
    from armtune.export.from_run import chosen_trial, export_trial, export_winner

    run_plugins(plugins)
    run = _sweep(run, method)
    number = chosen_trial(run) if trial is None else trial
    wanted = None if formats is None else _names(formats)
    with progress_bars(Terminal(stderr=True)) as progress:
        if trial is None:
            about = export_winner(run, to, wanted, progress, overrides or [])
        else:
            about = export_trial(run, trial, to, wanted, progress, overrides or [])
    if as_json:
        typer.echo(json.dumps({"trial": number, "folder": str(to), **about}, indent=2))
        return
    members = sum(about.get("ensemble", {"members": [1]})["members"])
    what = f"an ensemble of {members} trainings" if members > 1 else f"trial {number}"
    say(f"{what} exported to {to}")
    for name, written in about["formats"].items():
        difference = f"within {written['largest_difference']:.1e} of the trained model"
        say(f"  {written['file']} ({name}): {difference}")
    for name, reason in about["left_out"].items():
        say(f"  without {name}: {reason}")


def _sweep(folder: Path, method: str | None) -> Path:
    """The sweep's folder: a comparison has several."""
    from armtune.comparison.read import run_to_export
    from armtune.comparison.record import is_comparison

    if not is_comparison(folder):
        if method is not None:
            raise typer.BadParameter(f"--method is for comparisons, and {folder} is none")
        return folder
    run = run_to_export(folder, method)
    say(f"the model of {run}", err=True)
    return run


def _names(formats: str) -> list[str]:
    names = [name.strip() for name in formats.split(",")]
    return [] if names == ["none"] else names
