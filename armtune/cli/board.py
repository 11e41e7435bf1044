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
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the curves in a browser.", show_default=False)
    ] = False,
) -> None:
    """Start TensorBoard on sweeps, comparisons and trainings, and say where; Ctrl-C ends it."""
    import time
    import webbrowser

    from armtune.report.board import links, start_board

    address = start_board(runs, port)
    say(f"TensorBoard: {address}  (Ctrl-C ends it)")
    views = links(runs, address)
    for what, link in views.items():
        say(f"  {what}: {link}")
    if open_page:
        webbrowser.open(next(iter(views.values()), address))
    while True:
        time.sleep(3600)
