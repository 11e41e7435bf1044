"""``armtune init``: a recipe to begin with."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armtune.cli._completion import example_names
from armtune.cli._output import say
from armtune.text.escapes import for_shell

if TYPE_CHECKING:
    from armtune.recipe.drafts.draft import Asked


class Target(Enum):
    """What may be predicted. Typer's older versions know choices by classes like this alone."""

    CLASSES = "classes"
    LABELS = "labels"
    VALUES = "values"


def command(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="Your data: a table, an .npz file, or a folder of data.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="What is to be predicted.", show_default="told by its name"
        ),
    ] = None,
    target: Annotated[
        Target | None,
        typer.Option(
            help="What it holds: one of several classes, several labels, or numbers.",
            show_default="told by its values",
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Of a table's text, such as latin-1.")
    ] = "utf-8",
    example: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Write a shipped recipe with its search spaces instead.",
            autocompletion=example_names,
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The recipe's file; of an example, its folder.",
            show_default="DATA.yaml, in the current folder",
        ),
    ] = None,
) -> None:
    """Look at data and draft a recipe for them, or write out a shipped one. Overwrites nothing.

    Each line of a drafted recipe is a guess, with its reason in a comment. ``armtune check``
    finds it in order, and ``armtune sweep`` runs it as it is.
    """
    from armtune.recipe.drafts.draft import Asked

    if (data is None) == (example is None):
        raise typer.BadParameter("give either your data, or --example NAME")
    if example is not None:
        _copy(example, to or Path())
    elif data is not None:
        file = to or Path(f"{data.absolute().stem}.yaml")
        asked = Asked(file.parent, label, target.value if target else None, encoding)
        _draft(data, asked, file)


def _copy(name: str, folder: Path) -> None:
    from armtune.recipe.drafts.example import write_example

    written = write_example(name, folder)
    say("\n".join(["wrote", *(f"  {path}" for path in written), *_next(written[0])]))


def _draft(data: Path, asked: Asked, to: Path) -> None:
    from armtune.cli._arguments import typed_again
    from armtune.recipe.drafts.kinds import draft_recipe

    found = draft_recipe(data, asked, to, typed_again(but=()))
    names = ", ".join(line.key for line in found.modalities)
    said = [f"{found.what}; {found.goal.why}", f"modalities: {names}", *found.notes]
    say("\n".join([*said, f"wrote {to}", *_next(to)]))


def _next(recipe: Path) -> list[str]:
    return ["next:", *(f"  armtune {verb} {for_shell(recipe)}" for verb in ("check", "sweep"))]
