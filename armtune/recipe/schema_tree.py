"""The way through the schema: what may stand at a path, given the plug-ins a recipe names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from armtune.plugins.options import Options
from armtune.plugins.registry import KINDS, is_plugin, plugin_name, plugins
from armtune.recipe.document import Steps
from armtune.recipe.schema import Recipe

Keys = tuple[str, ...]


def kind_of(plugin: type[Options]) -> str:
    """What to call a plug-in's kind in a sentence, such as ``encoder``."""
    kind = next(k for k in KINDS if plugin in plugins(k).values())
    return {"datasets": "data set"}.get(kind, KINDS[kind].lower())


def default_of(field: FieldInfo) -> Any:
    """A field's default; pydantic's ``PydanticUndefined`` where it has none."""
    return field.get_default(call_default_factory=True)


@dataclass(frozen=True)
class Slot:
    """What the schema allows at one place.

    Attributes:
        annotation: type of the value.
        metadata: bounds and patterns.
        field: the field, where the place is one and not an entry of a list or mapping.
    """

    annotation: Any
    metadata: tuple[Any, ...] = ()
    field: FieldInfo | None = None

    @classmethod
    def of(cls, field: FieldInfo) -> Slot:
        """What a field allows."""
        return cls(field.annotation, tuple(field.metadata), field)

    @cached_property
    def classes(self) -> tuple[type[Options], ...]:
        """The classes of options that can stand here: plug-ins, one class, or none."""
        return tuple(_classes(self.annotation))

    @property
    def plugins(self) -> dict[str, type[Options]]:
        """The plug-ins that can stand here, by name."""
        return {plugin_name(c): c for c in self.classes if is_plugin(c)}

    @property
    def named(self) -> bool:
        """Whether this is a mapping with names of the user's choice, such as ``modalities``."""
        entry = Slot(get_args(self.annotation)[1]) if self.free else None
        return entry is not None and bool(entry.classes)

    @property
    def free(self) -> bool:
        """Whether this is a mapping with any keys."""
        return get_origin(self.annotation) is dict

    def chosen(self, content: Any) -> type[Options] | None:
        """The class that stands here in a recipe; None where it can't be told."""
        known = self.plugins
        if known and isinstance(content, Mapping) and "name" in content:
            return known.get(str(content["name"]))
        return self.classes[0] if len(self.classes) == 1 else None

    def child(self, content: Any, step: str | int) -> Slot | None:
        """What may stand one step further in; None when nothing may."""
        if self.classes:
            options = self.classes[0] if step == "name" else self.chosen(content)
            field = options.model_fields.get(str(step)) if options else None
            return Slot.of(field) if field else None
        if self.free and isinstance(step, str):
            return Slot(get_args(self.annotation)[1])
        if get_origin(self.annotation) in (list, tuple) and isinstance(step, int):
            return Slot(get_args(self.annotation)[0])
        return None

    def alternatives(self, step: str) -> list[Slot]:
        """What may stand one step further in, whichever plug-in is chosen here."""
        fields = [c.model_fields[step] for c in self.classes if step in c.model_fields]
        inner = None if self.classes else self.child({}, step)
        return [Slot.of(field) for field in fields] + ([inner] if inner else [])

    def empty(self) -> dict[str, Any]:
        """The mapping to begin with where a recipe leaves this place out: its default's name."""
        default = default_of(self.field) if self.field else PydanticUndefined
        if not isinstance(default, Options) or not is_plugin(type(default)):
            return {}
        return {"name": plugin_name(type(default))}


ROOT = Slot(Recipe)


def slot_at(content: Any, steps: Steps) -> Slot | None:
    """What may stand at a path of a recipe."""
    slot: Slot | None = ROOT
    for step in steps:
        slot = slot.child(content, step) if slot else None
        content = child_of(content, step)
    return slot


def child_of(content: Any, step: str | int) -> Any:
    """The value one step further in; None when there is none."""
    if isinstance(content, Mapping):
        return content.get(step)
    if isinstance(content, list) and isinstance(step, int) and step < len(content):
        return content[step]
    return None


def value_at(content: Any, steps: Steps) -> Any:
    """The value at a path; None when there is none."""
    for step in steps:
        content = child_of(content, step)
    return content


def paths(content: Any, slot: Slot = ROOT, start: Keys = ()) -> Iterator[Keys]:
    """Every path that a recipe with these plug-ins and modalities can have, parents first."""
    if start:
        yield start
    for step in _steps(content, slot):
        inner = slot.child(content, step)
        value = child_of(content, step)
        if inner is None:
            continue
        if value is None and inner.classes:
            value = inner.empty()
        yield from paths(value, inner, (*start, step))


def _steps(content: Any, slot: Slot) -> list[str]:
    if slot.named:
        return list(content) if isinstance(content, Mapping) else []
    options = slot.chosen(content)
    return list(options.model_fields) if options else []


def _classes(annotation: Any) -> Iterator[type[Options]]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _classes(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _classes(part)
    elif origin is None and isinstance(annotation, type) and issubclass(annotation, Options):
        yield annotation
