"""rich's console, to which text is text: no markup, no emoji, no escape sequence."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from armtune.text.escapes import for_terminal

if TYPE_CHECKING:
    from armtune.report.tables import Grid

WIDTH = 160
"""Characters of a line where no terminal says how many it has."""


class Terminal(Console):
    """A console for text from recipes, data and file names."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    @classmethod
    def wide(cls, **options: Any) -> Terminal:
        """One whose lines are long where neither a terminal nor ``$COLUMNS`` says how long."""
        console = cls(**options)
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console.width = WIDTH
        return console

    def show(self, grids: Iterable[Grid]) -> None:
        """Prints tables, in parts where they are wider than the terminal."""
        for grid in grids:
            for part in grid.parts(self.width):
                self.print(part.rich())

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints texts as they are, and tables as rich has them."""
        shown = [Text(for_terminal(o)) if isinstance(o, str) else o for o in objects]
        super().print(*shown, **options)
