"""The errors a person meets: what is wrong, where, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

IN_PYTHON = (
    (r"^command line --(\w+)$", r"\1"),
    (r"^command line$", "overrides"),
    (r"^--(\w+)$", r"\1"),
    (r"\badd --resume\b", "pass resume=True"),
    (r"--(resume|inline|alone)\b", r"\1=True"),
    (r"--target (classes|labels|values)\b", r'target="\1"'),
    (r"\b(?:add|give it as) --plugins (\S+)", r'call armtune.load_plugins("\1")'),
    (r"--plugins (\S+)", r'armtune.load_plugins("\1")'),
    (r"\bname it yourself: plugins='\[(.+?)\]'", r'pass overrides={"plugins": ["\1"]}'),
    (r"--(to|address|label|target|encoding|example|methods|trials|seeds|cuts)\b", r"\1="),
)
"""Options of the command line in messages, and what they are called in Python."""


@dataclass(frozen=True)
class Fault:
    """One fault in a recipe or search space.

    Attributes:
        message: what is wrong and what would be right, without the position.
        path: dotted path in the document, such as ``training.optimizer.lr``.
        file: the file as the user named it.
        line: line in the file, counted from 1; 0 when there is none.
        column: column in the line, counted from 1; 0 when there is none.
        hint: the nearest right name, such as ``did you mean 'lenet'?``.
    """

    message: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""

    def __str__(self) -> str:
        where = ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)]).strip(":")
        place = " ".join(part for part in (where, self.path) if part)
        text = "; ".join(part for part in (self.message, self.hint) if part)
        return f"{place}: {text}" if place else text


class ArmtuneError(Exception):
    """Base of every error that is shown to the user as text, without a traceback."""


class RecipeError(ArmtuneError):
    """A recipe, search space or override is wrong; holds all faults at once. Exit code 2."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        assert self.faults, "a RecipeError needs at least one fault"
        super().__init__("\n".join(str(fault) for fault in self.faults))


class DataError(ArmtuneError):
    """Data are missing, damaged or inconsistent; names the file or view. Exit code 1."""


class MissingDataError(DataError):
    """A data set's files are nowhere to be had: the only error that ``otherwise:`` answers."""


class RunError(ArmtuneError):
    """A training, sweep, export or prediction can't go on; says why. Exit code 1."""


class StorageError(RunError):
    """A disk is full, read-only or broken: what it met is as it was, and can go on afterwards."""


class DivergedError(RunError):
    """A training run met a NaN or an infinity; names the epoch and the first place seen."""


@contextmanager
def in_python() -> Iterator[None]:
    """Errors of the block say what to pass instead of what to type."""
    try:
        yield
    except RecipeError as error:
        error.__init__(map(_as_passed, error.faults))  # type: ignore[misc]
        raise
    except ArmtuneError as error:
        error.args = (as_passed(str(error)),)
        raise


def as_passed(said: str) -> str:
    """A message, or the place of a fault, with Python's arguments for options."""
    for option, passed in IN_PYTHON:
        said = re.sub(option, passed, said)
    return said


def _as_passed(fault: Fault) -> Fault:
    texts = {name: as_passed(getattr(fault, name)) for name in ("message", "path", "file", "hint")}
    return replace(fault, **texts)  # type: ignore[arg-type]
