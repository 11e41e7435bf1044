"""Text from recipes, data and file names, made harmless where it goes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

# Escape sequences begin with one of these; others end lines, turn the direction of writing around,
# or are text that nobody sees.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    r"\U000e0000-\U000e007f]"
)
# An underscore within a word is one; the others mark words, links, tables, HTML or a line's kind.
_MARKDOWN = re.compile(r"([\\`*\[\]<|&~]|(?<![^\W_])_|_(?![^\W_])|^[#>+=-]|:(?=//)|(?<=www)\.)")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet computes; some take the wide signs for the others."""


def for_terminal(text: str) -> str:
    """Text in which characters that a terminal obeys are written out as their numbers."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def csv_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: one has an apostrophe before it.

    Numbers stay as they are, also where they are text.
    """
    if not isinstance(value, str) or not value.startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def for_markdown(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(for_terminal(text).split()))


def for_code(text: str) -> str:
    """Text between the backticks of Markdown, in one line."""
    return " ".join(for_terminal(text).split()).replace("`", "'")


def for_plotly(text: str) -> str:
    """Text that plotly shows as it is: it reads tags and entities in names and labels."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def for_shell(path: Path) -> str:
    """A path as it is typed: quoted, and no option where it begins with a dash."""
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))
