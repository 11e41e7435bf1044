"""``docs/architecture.md`` is current: its picture, table and answers, the way of one value."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CODE = ROOT / "armtune"
PAGE = ROOT / "docs/architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs/package_graph.py"))


def section(heading: str) -> str:
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(heading: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_picture_and_the_table_are_current(script: dict[str, Any]) -> None:
    assert script["page"](TEXT) == TEXT, "run: just generate"
    picture = (ROOT / "docs/packages.svg").read_text(encoding="utf-8")
    assert script["drawing"](script["rooms"]()) == picture, "run: just generate"


def test_every_package_says_what_it_is_for(script: dict[str, Any]) -> None:
    for place in script["packages"]():
        assert len(script["_purpose"](place).split()) >= 4, place


def test_there_are_few_packages_in_few_layers_without_a_circle(script: dict[str, Any]) -> None:
    graph = script["rooms"]()
    assert len(graph) <= 28
    assert max(script["floors"](graph).values()) < 15
    assert len(list(CODE.glob("*.py"))) <= 6


def test_imports_in_a_circle_are_told(script: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="import each other: a, b"):
        script["floors"]({"a": {"b"}, "b": {"a"}, "c": set()})


def test_only_the_longer_ways_are_drawn(script: dict[str, Any]) -> None:
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set[str]()}
    assert script["reduced"](graph) == [("a", "b"), ("b", "c")]
    assert script["drawing"](graph).count("<path ") == 2


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import armtune.files", {"armtune.files"}),
        ("from armtune import files", {"armtune.files"}),
        ("from armtune.files import write_text", {"armtune.files"}),
        ("def f():\n    from armtune.recipe import load", {"armtune.recipe.load"}),
        ("import json", set()),
        ("if TYPE_CHECKING:\n    import armtune.files", set()),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import armtune.files", {"armtune.files"}),
        ("try:\n    import armtune.files\nexcept ImportError:\n    pass", {"armtune.files"}),
    ],
)
def test_what_a_file_imports_at_run_time(
    script: dict[str, Any], tmp_path: Path, source: str, found: set[str]
) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert script["imported"](path, script["sources"]()) == found


def test_answers_are_files() -> None:
    answers = rows("Where is …")
    assert len(answers) >= 10
    for question, where in answers:
        named = re.findall(r"`([^`]+)`", where)
        assert named, question
        assert [name for name in named if not (CODE / name).exists()] == [], question


def test_the_way_of_one_value_leads_through_names_that_exist() -> None:
    way = rows("The way of one value")
    assert len(way) >= 10
    for file, name, _ in way:
        path, wanted = CODE / file.strip("`"), name.strip("`")
        assert wanted in names_in(path), f"{path.relative_to(ROOT)} has no {wanted}"


def test_a_name_that_is_gone_is_noticed() -> None:
    known = names_in(CODE / "balancing/arm.py")
    assert {"Arm", "Arm.gap_weight", "Reinforcer.losses", "fusion_weights"} <= known
    assert "Reinforcer.gone" not in known


def test_modules_named_elsewhere_on_the_page_exist() -> None:
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`", TEXT)) - {"armtune/"}
    assert len(named) > 30
    assert [n for n in sorted(named) if not any((r / n).exists() for r in (CODE, ROOT))] == []


def names_in(path: Path) -> set[str]:
    """What a file defines: functions, classes, and their methods and fields, as ``Class.name``."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for name in map(member_name, node.body) if name}
    return found


def member_name(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef):
        return node.name
    is_field = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    return node.target.id if is_field else ""
