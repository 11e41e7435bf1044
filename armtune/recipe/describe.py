"""What the schema says, for readers and editors: every key with its type, default and meaning."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from armtune.plugins.options import Options
from armtune.plugins.registry import is_plugin, plugin_name, plugins
from armtune.recipe.schema import Recipe
from armtune.recipe.schema_tree import Slot, default_of
from armtune.recipe.wording import needs

_INTRODUCTION = """\
# Recipe keys

*Made by `armtune schema --markdown` from the code; don't edit it by hand.*

A recipe is one YAML 1.2 file: `1e-3` is a number, `no` is text, a key given twice is a fault. Its
first line, `# yaml-language-server: $schema=recipe.schema.json`, lets editors complete and check
it. Where a key takes one of several plug-ins, its `name` says which, and the other keys are that
plug-in's options. `armtune check RECIPE` tells every fault with its line. Changes on the command
line, search spaces and goals are explained in [spaces.md](spaces.md), words such as *rung* and
*head* in the [glossary](concepts.md#glossary).
"""


@dataclass(frozen=True)
class Key:
    """One key of a mapping in a recipe; ``default`` is YAML, empty where the key is needed."""

    name: str
    value: str
    default: str
    meaning: str


def keys_of(options: type[Options]) -> list[Key]:
    """All keys of a mapping, but a plug-in's ``name``."""
    told_apart = is_plugin(options)
    fields = options.model_fields.items()
    return [_key(name, field) for name, field in fields if name != "name" or not told_apart]


def summary(options: type[Options]) -> str:
    """The first paragraph of an options class's documentation."""
    paragraph = inspect.getdoc(options) or ""
    return " ".join(paragraph.split("\n\n")[0].replace("``", "`").split())


def json_schema() -> dict[str, Any]:
    """The recipe's JSON Schema, in which every plug-in needs its name, but what is called by it."""
    schema = Recipe.model_json_schema()
    called = {plugin.__name__ for plugin in plugins("augmentations").values()}
    for title, part in schema["$defs"].items():
        if title not in called and "const" in part.get("properties", {}).get("name", {}):
            part["required"] = ["name", *(k for k in part.get("required", []) if k != "name")]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def markdown() -> str:
    """A page with every key of a recipe."""
    return "\n".join([_INTRODUCTION, *_sections(Slot(Recipe), "")])


def _key(name: str, field: FieldInfo) -> Key:
    meaning = " ".join((field.description or "").replace("``", "`").split())
    return Key(name, needs(Slot.of(field)), _default(field), meaning)


def _default(field: FieldInfo) -> str:
    default = default_of(field)
    if default is PydanticUndefined:
        return ""
    if isinstance(default, Options):
        default = Slot.of(field).empty()
    text = yaml.safe_dump(
        to_jsonable_python(default), default_flow_style=True, width=10_000, sort_keys=False
    )
    return text.removesuffix("...\n").strip()


def _sections(slot: Slot, path: str) -> Iterator[str]:
    for options in slot.classes:
        yield _section(options, path)
        for name, field in options.model_fields.items():
            yield from _sections(*_inside(Slot.of(field), f"{path}.{name}".removeprefix(".")))


def _inside(slot: Slot, path: str) -> tuple[Slot, str]:
    if slot.named:
        return Slot(get_args(slot.annotation)[1]), f"{path}.<name>"
    return slot, path


def _section(options: type[Options], path: str) -> str:
    named = f" with `name: {plugin_name(options)}`" if is_plugin(options) else ""
    title = f"## `{path}`{named}" if path else "## The recipe"
    keys = keys_of(options)
    rows = [_row(key) for key in keys]
    table = ["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""]
    return "\n".join([title, "", summary(options), "", *(table if rows else [])])


def _row(key: Key) -> str:
    default = f"`{key.default}`" if key.default else "needed"
    return f"| `{key.name}` | {key.value} | {default} | {key.meaning} |"
