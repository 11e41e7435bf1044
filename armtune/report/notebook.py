"""A sweep's progress in a notebook, where Python was not told of a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from armtune.sweeps.study.records import Listener

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe


@contextmanager
def shown_in_notebook(recipe: Recipe, listeners: Sequence[Listener]) -> Iterator[list[Listener]]:
    """The listeners, and in Jupyter one that shows the sweep in the cell's output.

    It is the terminal's picture, redrawn by rich, which takes ipywidgets; without them a line for
    each trial that ends.
    """
    from rich.console import Console

    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_jupyter:
        yield [*listeners]
        return
    from armtune.report.live import LiveListener

    with LiveListener(recipe, console, quiet=find_spec("ipywidgets") is None) as live:
        yield [live, *listeners]
