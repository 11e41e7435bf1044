"""Lines that are printed: text from recipes and data moves no cursor."""

from __future__ import annotations

import sys

import typer

from armtune.text.escapes import for_terminal


def say(text: str, err: bool = False) -> None:
    """Prints a line."""
    typer.echo(for_terminal(text), err=err)


def allow_any_text() -> None:
    """Has a terminal that can't show a character show its number, instead of ending the work."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
