"""``key=value``: the one way to change a recipe, on the command line and by a sampler."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from armtune.errors import Fault, RecipeError
from armtune.plugins.options import Options
from armtune.recipe.document import Document, Place, read_value
from armtune.recipe.faults import foreign_option, path_hint
from armtune.recipe.schema_tree import ROOT, Slot, default_of, slot_at, value_at
from armtune.recipe.wording import did_you_mean

COMMAND_LINE = Place("command line")
HASH = re.compile(r"(?:^|\s)#")
"""Where a comment would begin in YAML."""


@dataclass(frozen=True)
class Assignment:
    """A value for a dotted path, in which ``*`` stands for every modality."""

    path: str
    value: Any

    @property
    def steps(self) -> tuple[str, ...]:
        """The path, split at its dots."""
        return tuple(self.path.split("."))


class UnknownPathError(Exception):
    """A path that no recipe has; ``hint`` says which was likely meant."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def parse(texts: Sequence[str]) -> tuple[list[Assignment], list[Fault]]:
    """Reads ``path=value`` texts, the value in YAML."""
    assignments, faults = [], []
    for text in texts:
        path, equals, value = text.partition("=")
        try:
            if not equals or not path.strip():
                raise RecipeError([_fault(text, "write path=value, such as training.epochs=5")])
            assignments.append(Assignment(path.strip(), _value(value)))
        except RecipeError as error:
            faults += [_fault(path if equals else text, fault.message) for fault in error.faults]
    return assignments, faults


def apply(document: Document, assignments: Iterable[Assignment], place: Place) -> list[Fault]:
    """Changes a document in place; the changed values stand at ``place`` from then on.

    The general goes before the special, and a plug-in's name before its options, whatever order
    they are given in. A new name drops the old plug-in's options that the new one doesn't have,
    and those that were at the old one's default.
    """
    faults: list[Fault] = []
    if not isinstance(document.content, dict):
        return faults
    for assignment in sorted(assignments, key=_generality):
        try:
            for steps in expand(document.content, assignment.steps):
                _assign(document.content, steps, assignment.value)
                document.place(steps, place)
        except UnknownPathError as error:
            faults.append(Fault(str(error), assignment.path, place.file, hint=error.hint))
    return faults


def expand(content: Any, steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths that a path with ``*`` stands for, one a modality; itself if it has none.

    Raises:
        UnknownPathError: ``*`` stands where no modality can.
    """
    if "*" not in steps:
        yield steps
        return
    index = steps.index("*")
    around = slot_at(content, steps[:index])
    if around is None or not around.named:
        raise UnknownPathError("'*' stands for modalities only", "write modalities.*.…")
    there = value_at(content, steps[:index])
    for name in there if isinstance(there, dict) else ():
        if name != "*":  # no modality can be called so, which the schema says
            yield from expand(content, (*steps[:index], name, *steps[index + 1 :]))


def _value(text: str) -> Any:
    """A value in YAML; ``#`` begins no comment, so that it may stand in a path."""
    bare = text.strip()
    if HASH.search(bare) and not bare.startswith(("'", '"', "[", "{")):
        return bare
    return read_value(text, COMMAND_LINE.file)


def _generality(assignment: Assignment) -> tuple[int, bool]:
    return len(assignment.steps), assignment.steps[-1] != "name"


def _fault(path: str, message: str) -> Fault:
    return Fault(message, path, COMMAND_LINE.file)


def _assign(root: Any, steps: tuple[str, ...], value: Any) -> None:
    """Sets one value; leaves alone what the schema will refuse around it."""
    slot, content = ROOT, root
    for depth, step in enumerate(steps[:-1]):
        inner = slot.child(content, step)
        if inner is None or (slot.named and step not in content):
            raise _unknown(root, steps[: depth + 1])
        if not inner.classes and not inner.free:
            raise UnknownPathError(f"{'.'.join(steps[: depth + 1])} has no keys", "set it whole")
        if content.get(step) is None:
            content[step] = inner.empty()
        slot, content = inner, content[step]
        if not isinstance(content, dict):
            return
    if slot.child(content, steps[-1]) is None:
        raise _unknown(root, steps)
    if steps[-1] == "name" and slot.plugins:
        _change_plugin(slot, content, value)
    content[steps[-1]] = deepcopy(value)


def _change_plugin(slot: Slot, content: dict[str, Any], name: Any) -> None:
    old, new = slot.chosen(content), slot.plugins.get(str(name))
    if old is None or new is None or old is new:
        return
    for key in [k for k in content if k != "name"]:
        if key not in new.model_fields or _is_default(old, key, content[key]):
            del content[key]


def _is_default(options: type[Options], key: str, value: Any) -> bool:
    field = options.model_fields.get(key)
    return field is not None and bool(default_of(field) == value)


def _unknown(content: Any, steps: tuple[str, ...]) -> UnknownPathError:
    *around, step = steps
    slot, inside = slot_at(content, tuple(around)), value_at(content, tuple(around))
    assert slot is not None
    where = ".".join(around)
    if slot.plugins and slot.chosen(inside) is None:
        return UnknownPathError(f"{where} has no valid name", f"set {where}.name first")
    if slot.named:
        hint = did_you_mean(step, list(inside or ()), otherwise="there are")
        return UnknownPathError(f"there is no {step!r} in {where}", hint)
    said = foreign_option(slot, inside, step)
    if said:
        return UnknownPathError(said, "")
    options = slot.chosen(inside)
    allowed = list(options.model_fields) if options else []
    return UnknownPathError("unknown path", path_hint(".".join(steps), content, allowed))
