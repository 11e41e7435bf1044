"""Writes armtune's own words into ``concepts.md``, as the report's page has them.

``just generate`` runs it.
"""

from __future__ import annotations

from pathlib import Path

from armtune.report.glossary import markdown

PAGE = Path(__file__).parent / "concepts.md"
BEGIN, END = "<!-- glossary: made by glossary.py -->", "<!-- end of glossary -->"


def page(text: str) -> str:
    """The page with the words as they are now between the markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{markdown()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
