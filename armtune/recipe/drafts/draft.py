"""A drafted recipe: its lines, each with the reason why it stands there, and its text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import Any

from armtune.data.formats.text_files import UTF_8
from armtune.files import absolute
from armtune.recipe.load import flow
from armtune.recipe.schema import LONGEST
from armtune.text.escapes import for_terminal

WIDTH = 100
"""Characters of a line of comments."""
MOST = 6
"""Modalities of a recipe at most."""


@dataclass(frozen=True)
class Line:
    """A key of a recipe.

    Attributes:
        value: plain data, or the lines below the key.
        why: what the comment above it says.
    """

    key: str
    value: Any
    why: str = ""


@dataclass(frozen=True)
class Asked:
    """What the user said of the data; None for what is left to be guessed.

    Attributes:
        label: the column or array of the labels.
        target: classes, labels or values.
        folder: where the recipe goes.
        encoding: of a table's text.
    """

    folder: Path
    label: str | None = None
    target: str | None = None
    encoding: str = UTF_8

    def path_to(self, data: Path) -> str:
        """The data's path as the recipe has it: relative where they lie beside or below it."""
        whole, folder = absolute(data), absolute(self.folder)
        return str(whole.relative_to(folder) if whole.is_relative_to(folder) else whole)


@dataclass(frozen=True)
class Goal:
    """What is predicted, and what a sweep maximizes.

    Attributes:
        kind: of target.
        why: it is taken for one of that kind.
        score: the metric to maximize.
        score_why: it is that one.
        balance: a word on what can be done about classes of different sizes; or nothing.
    """

    kind: str
    why: str
    score: str
    score_why: str = ""
    balance: str = ""


@dataclass(frozen=True)
class Draft:
    """What a look at data gave.

    Attributes:
        what: the data in words, such as ``mine.npz: 600 samples``.
        data: the options of the data set, its name first.
        modalities: a line for each.
        goal: what is predicted.
        slow: whether a training takes minutes on a CPU.
        notes: what there is to say beside, such as columns that were left out.
    """

    what: str
    data: Sequence[Line]
    modalities: Sequence[Line]
    goal: Goal
    slow: bool = False
    notes: Sequence[str] = field(default_factory=list)


def as_text(lines: Iterable[Line], indent: str = "") -> Iterator[str]:
    """The lines of a recipe's file."""
    for line in lines:
        yield from comment(line.why, indent)
        if isinstance(line.value, (list, tuple)) and _are_lines(line.value):
            yield f"{indent}{flow(line.key)}:"
            yield from as_text(line.value, f"{indent}  ")
        else:
            yield f"{indent}{flow(line.key)}: {flow(line.value)}"


def comment(text: str, indent: str = "") -> Iterator[str]:
    """A text as comments; paragraphs stay apart."""
    begin = f"{indent}# "
    for paragraph in for_terminal(text).splitlines():
        lines = wrap(
            paragraph, WIDTH, initial_indent=begin, subsequent_indent=begin,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        yield from lines or [f"{indent}#"]


def name_of(text: str, taken: Iterable[str] = (), otherwise: str = "data") -> str:
    """A name that a recipe may have, as like to a text as can be, and none that is taken."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")
    begun = plain if plain[:1].isalpha() else f"{otherwise}_{plain}".rstrip("_")
    short = begun[: LONGEST - 4].rstrip("_-")
    used = set(taken)
    numbered = (f"{short}_{number}" for number in range(2, len(used) + 3))
    return next(name for name in (short, *numbered) if name not in used)


def _are_lines(value: Sequence[Any]) -> bool:
    return bool(value) and all(isinstance(item, Line) for item in value)
