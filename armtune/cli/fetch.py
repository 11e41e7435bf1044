"""``armtune fetch``: a pretrained model from the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from armtune.cli._output import say


def command(
    model: Annotated[
        str, typer.Argument(help="Its name on the Hub, such as google/vit-base-patch16-224.")
    ],
    revision: Annotated[
        str | None,
        typer.Option(help="Branch, tag or commit.", show_default="the main branch"),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="Folder below which it goes, by its name.",
            show_default="$ARMTUNE_DATA, or the cache",
        ),
    ] = None,
) -> None:
    """Fetch a pretrained model, for the encoder huggingface.

    Its weights in safetensors, its configuration, and its tokenizer's and preprocessor's files;
    nothing else, and no code. The revision is written down beside them. What is here already isn't
    fetched again.
    """
    from armtune.data.model_downloads import fetch_model

    found = fetch_model(model, revision, to)
    begin = "fetched" if found.anew else "already here:"
    say(f"{begin} {model}, revision {found.revision}, in {found.folder}")
    named = model if to is None else str(found.folder)
    say(f"encoder: {{name: huggingface, path: {named}}}")
