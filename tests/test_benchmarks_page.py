"""The table that ``docs/benchmarks.md`` opens with says what the sections below it say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
TOP, *SECTIONS = re.split(r"^## ", PAGE, flags=re.M)
CELL = r"([^|]*)"
ROWS = re.findall(rf"^\|{CELL}\|{CELL}\|{CELL}\| `benchmarks/(\w+)\.py` \|{CELL}\|$", TOP, re.M)


def section_of(name: str) -> str:
    """What the page says of a benchmark."""
    return "\n".join(s for s in SECTIONS if re.search(rf"benchmarks[/.]{name}\b", s))


def unknown(cell: str, name: str) -> list[str]:
    """The numbers of a cell that the benchmark's section doesn't have."""
    section = section_of(name)
    numbers = re.findall(r"\d[\d,]*(?:\.\d+)?", cell)
    return [n for n in numbers if not re.search(rf"(?<![\d.]){re.escape(n)}(?![\d])", section)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[3]}: {row[0].strip()[:30]}")
def test_what_was_reached_stands_in_its_section(row: tuple[str, ...]) -> None:
    _, reached, _, name, when = row
    assert (ROOT / "benchmarks" / f"{name}.py").exists()
    assert section_of(name)
    assert unknown(reached.replace("of 103", ""), name) == []
    assert re.fullmatch(r" *(2026-\d\d-\d\d|Nov 2026)? *", when)
    assert when.strip() or reached.strip() == "not run"


def test_the_table_has_all_its_lines() -> None:
    assert len(ROWS) > 10
    assert TOP.count("\n|") == len(ROWS) + 2


def test_a_number_that_no_section_has_is_noticed() -> None:
    assert unknown("1.38", "many_trials") == []
    assert unknown("1.39", "many_trials") == ["1.39"]
