"""The schema for editors and the page of keys: complete, and up to date in the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from armtune.plugins.registry import KINDS, plugins
from armtune.recipe import describe
from armtune.recipe.document import read_document

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("own_plugins")


def test_the_schema_file_is_up_to_date() -> None:
    text = (ROOT / "recipes" / "recipe.schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == describe.json_schema(), "run: just generate"


def test_the_page_is_up_to_date() -> None:
    text = (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8")
    assert text == describe.markdown(), "run: just generate"


def test_every_plugin_and_option_is_on_the_page() -> None:
    sections = describe.markdown().split("\n## ")
    for kind in KINDS:
        for name, plugin in plugins(kind).items():
            opening = f"with `name: {name}`\n\n{describe.summary(plugin)}\n"
            (section,) = [section for section in sections if opening in section]
            assert all(f"| `{key.name}` |" in section for key in describe.keys_of(plugin))


def test_every_key_has_a_meaning() -> None:
    rows = [line for line in describe.markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    assert [row for row in rows if row.rstrip("| ").endswith("` |") or row.endswith("|  |")] == []


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.name)
def test_shipped_recipes_name_the_schema_and_fit_it(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=recipe.schema.json"
    jsonschema.validate(read_document(path).content, describe.json_schema())


WRONG: list[dict[str, Any]] = [
    {"training": {"epochs": 0}},
    {"training": {"epoch": 3}},
    {"balancing": {"tau": 1}},
    {"balancing": {"name": "none", "tau": 1}},
    {"fusion": {"dim": 3}},
]


@pytest.mark.parametrize("part", WRONG, ids=str)
def test_editors_refuse_what_the_check_refuses(part: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    recipe = {
        "name": "small",
        "data": {"name": "avmnist"},
        "modalities": {"image": {"encoder": {"name": "lenet"}}},
    }
    jsonschema.validate(recipe, describe.json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**recipe, **part}, describe.json_schema())
