"""rich's console, to which text is text: no markup, no emoji, no escape sequence."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from armtune.text.escapes import for_terminal


class Terminal(Console):
    """A console for text from recipes, data and file names."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints texts as they are, and tables as rich has them."""
        shown = [Text(for_terminal(o)) if isinstance(o, str) else o for o in objects]
        super().print(*shown, **options)
