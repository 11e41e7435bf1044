"""Plain words for what a place needs, for what stands there, and for the name that was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from typing_extensions import Doc

from armtune.errors import RecipeError
from armtune.recipe.document import read_value, shown
from armtune.recipe.schema_tree import Slot

LONGEST = 200
"""Characters of a name above which none is looked for that is like it."""

_TYPES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "null",
    Any: "any value",
    dict: "a mapping",
}
_BOUNDS = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}
_PLURALS = {"text": "texts", "a number": "numbers", "a whole number": "whole numbers"}
_TRUTH = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def needs(slot: Slot) -> str:
    """What a place needs, such as ``a whole number of at least 1``."""
    return _needs(slot.annotation, tuple(_flat(slot.metadata)))


def quoting(slot: Slot, value: Any) -> str:
    """A hint where quotes, or the lack of them, made a value the wrong type; else nothing."""
    wanted = slot.annotation
    if isinstance(value, str) and wanted is bool and value.lower() in _TRUTH:
        return f"write {_TRUTH[value.lower()]}"
    if isinstance(value, str) and wanted in (bool, int, float) and not _is_text(value):
        return "take the quotes away"
    plain = wanted in (str, str | None) and not slot.metadata
    if isinstance(value, bool | int | float) and plain:
        return f"write '{shown(value)}' in quotes"
    return ""


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """The name that was most likely meant; empty when none is as like it as ``cutoff``."""
    if len(name) > LONGEST:
        return ""
    by_lower = {n.lower(): n for n in names}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""


def did_you_mean(name: str, names: Sequence[str], otherwise: str = "") -> str:
    """A hint with the nearest name; else ``otherwise`` and all names."""
    near = nearest(name, names)
    if near:
        return f"did you mean {near!r}?"
    return f"{otherwise} {', '.join(names)}" if otherwise and names else ""


def one_of(values: Sequence[Any]) -> str:
    """``'a'`` or ``one of 'a', 'b'``."""
    listed = ", ".join(shown(value) for value in values)
    return f"one of {listed}" if len(values) > 1 else listed


def sentence(description: str | None) -> str:
    """A description's text without markup, ready to follow a colon."""
    text = " ".join((description or "").replace("``", "").split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _is_text(value: str) -> bool:
    try:
        return isinstance(read_value(value, ""), str)
    except RecipeError:
        return True


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def _needs(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    said = next((item.documentation for item in metadata if isinstance(item, Doc)), "")
    if said:
        return said
    slot = Slot(annotation)
    if slot.classes:
        return _mapping(slot)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _needs(parts[0], (*_flat(parts[1:]), *metadata))
    if origin is Literal:
        return one_of(parts)
    if origin in (Union, UnionType):
        return " or ".join(_needs(part, metadata) for part in parts)
    if origin in (list, tuple):
        return _several(_size(metadata), _needs(parts[0]))
    if origin is dict:
        size = _size(metadata)
        return f"a mapping of {size} entries" if size else "a mapping"
    return " ".join(part for part in (_TYPES.get(annotation, "a value"), _bounds(metadata)) if part)


def _mapping(slot: Slot) -> str:
    names = ", ".join(slot.plugins)
    return f"a mapping with a name (one of {names})" if names else "a mapping"


def _several(size: str, item: str) -> str:
    things = _PLURALS.get(item, f"entries, each {item}")
    return f"a list of {size} {things}" if size else f"a list of {things}"


def _size(metadata: tuple[Any, ...]) -> str:
    least = next((m.min_length for m in metadata if hasattr(m, "min_length")), 0)
    most = next((m.max_length for m in metadata if hasattr(m, "max_length")), None)
    if most is None:
        return f"{least} or more" if least else ""
    return str(most) if least == most else f"{least} to {most}"


def _bounds(metadata: tuple[Any, ...]) -> str:
    given = {
        name: shown(getattr(item, name))
        for name in _BOUNDS
        for item in metadata
        if getattr(item, name, None) is not None
    }
    if given.keys() == {"ge", "le"}:
        return f"from {given['ge']} to {given['le']}"
    return " and ".join(f"{_BOUNDS[name]} {bound}" for name, bound in given.items())
