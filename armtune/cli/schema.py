"""``armtune schema``: the recipe's keys, for editors and for readers."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def command(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A page with every key, instead of JSON Schema.")
    ] = False,
) -> None:
    """Print the JSON Schema of recipes, with which editors complete and check them."""
    from armtune.recipe import describe

    text = describe.markdown() if markdown else json.dumps(describe.json_schema(), indent=2) + "\n"
    typer.echo(text, nl=False)
