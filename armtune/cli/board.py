"""``armtune board``: TensorBoard on one or several runs."""

from __future__ import annotations

from typing import Annotated

import typer

from armtune.cli._arguments import RunPaths
from armtune.cli._output import say


def command(
    runs: RunPaths,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 for any.", show_default="6006, or above"),
    ] = None,
) -> None:
    """Start TensorBoard on sweeps, comparisons and trainings, and say where; Ctrl-C ends it."""
    import time

    from armtune.report.board import start_board

    say(f"TensorBoard: {start_board(runs, port)}  (Ctrl-C ends it)")
    while True:
        time.sleep(3600)
