"""Arguments that several verbs share."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from armtune.cli._completion import method_names, recipe_names
from armtune.cli._output import say

RecipePath = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE",
        help="The recipe, a YAML file, or the bare name of a shipped one, such as avmnist.",
        autocompletion=recipe_names,
        show_default=False,
    ),
]

RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run's folder, runs/<name>.", show_default=False)
]

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Changes to the recipe, such as training.epochs=5; in a path, * is every modality.",
        show_default=False,
    ),
]

DataOverrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA.KEY=VALUE",
        help="Where the run's data lie by now, such as data.path=a.npz.",
        show_default=False,
    ),
]

RunPaths = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN",
        help="Folders of sweeps, comparisons or trainings, such as runs/avmnist.",
        show_default=False,
    ),
]

METHODS = typer.Option(
    "--methods",
    metavar="NAMES",
    help="Balancing methods with commas between, such as none,arm, or all.",
    autocompletion=method_names,
    show_default=False,
)
Seeds = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Seeds each best setting is re-trained with.",
        show_default="the recipe's",
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Trials a method.",
        show_default="the recipe's",
    ),
]
Cuts = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Cuts of the data to do it all on: data.seed and those after it.",
    ),
]

Alone = Annotated[
    bool, typer.Option("--alone", help="Also give each modality alone a sweep of its own.")
]

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

RunTo = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The run's folder.", show_default="runs/<name>"),
]

Inline = Annotated[bool, typer.Option("--inline", help="Train in this process, without Ray.")]

Address = Annotated[
    str | None,
    typer.Option(help="Address of a running Ray cluster.", show_default="this machine"),
]

Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE", help="Code that the model or run names, to be run.", show_default=False
    ),
]

Resume = Annotated[bool, typer.Option("--resume", help="Go on with an earlier sweep.")]


def duration(text: str) -> float:
    """Seconds from how long something may take, such as ``600``, ``90s``, ``10m`` or ``1h30m``."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    seconds = sum(
        float(part or 0) * unit
        for part, unit in zip(found.groups() if found else (), (3600, 60, 1), strict=False)
    )
    if not seconds:
        said = f"{text!r} is no time above zero; such are 600, 90s, 10m and 1h30m"
        raise typer.BadParameter(said)
    return seconds


Seconds = Annotated[
    float | None,
    typer.Option(
        metavar="TIME",
        parser=duration,
        help="Time for the whole sweep (sweep.seconds), such as 600, 10m or 1h30m.",
        show_default="the recipe's",
    ),
]

Quiet = Annotated[bool, typer.Option("--quiet", help="Plain lines, no live picture.")]


def run_plugins(files: Sequence[Path] | None) -> None:
    """Runs files of plug-ins that were given by ``--plugins``; no other is run by looking."""
    if files:
        from armtune.api import load_plugins

        for file in files:
            load_plugins(file)


@contextmanager
def resumable() -> Iterator[None]:
    """Says after Ctrl-C how what was typed goes on."""
    try:
        yield
    except KeyboardInterrupt:
        again = typed_again(but=("--resume",))
        say(f"\nstopped; this goes on where it was:\n  {again} --resume", err=True)
        raise


def typed_again(but: Sequence[str]) -> str:
    """The command line, without some options, ready to be typed again."""
    return shlex.join(["armtune", *(word for word in sys.argv[1:] if word not in but)])
