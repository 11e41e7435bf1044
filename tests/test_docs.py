"""The documentation: its links lead somewhere, and the messages it explains exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if f": {page.name}\n" not in menu] == []


def test_explained_messages_are_real() -> None:
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "armtune").rglob("*.py"))
    # Messages are written over several lines of a file, as f-strings.
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    headings = re.findall(r"^### `(.+)`$", (ROOT / "docs/errors.md").read_text(), flags=re.M)
    parts = [part.strip() for heading in headings for part in heading.split("…")]
    assert len(headings) > 20
    assert [part for part in parts if part not in source] == []
