"""Errors of plug-ins' own code, told with the file and line in which they arose."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from armtune.errors import ArmtuneError

OWN = "armtune."


@contextmanager
def blaming(function: Callable[..., Any]) -> Iterator[None]:
    """Tells what goes wrong in a block with its place in the file of a plug-in's function.

    That place is the last one on the error's way, or where the function begins. What is armtune's
    own raises as it does: its faults aren't the user's.

    Raises:
        ValueError: something went wrong that isn't meant for people yet; says what and where.
    """
    try:
        yield
    except ArmtuneError:
        raise
    except Exception as error:  # whatever a plug-in may raise
        if function.__module__.startswith(OWN):
            raise
        code = function.__code__
        file = code.co_filename
        line = line_in(file, error) or code.co_firstlineno
        raise ValueError(f"{file}:{line}: {first_line(error)}") from error


def line_in(file: str, error: Exception) -> int:
    """The last line of a file on an error's way; 0 if it came by none."""
    found = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return (found[-1] or 0) if found else 0


def first_line(error: Exception) -> str:
    """What an error says, in one line, after its type where that tells more."""
    text = str(error).strip().splitlines()
    said = text[0] if text else ""
    return said if said and type(error) is ValueError else f"{type(error).__name__}: {said}"
