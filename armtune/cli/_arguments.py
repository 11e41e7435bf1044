"""Arguments that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipePath = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.", show_default=False)
]

RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run's folder, runs/<name>.", show_default=False)
]

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Changes to the recipe, such as training.epochs=5 or modalities.*.encoder.width=8.",
        show_default=False,
    ),
]

RunPaths = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN…", help="Sweeps' folders, such as runs/avmnist.", show_default=False
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
