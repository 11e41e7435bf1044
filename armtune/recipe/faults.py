"""pydantic's callback_errors in plain words, at the places of the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from armtune.errors import Fault
from armtune.recipe.document import Document, Steps, shown
from armtune.recipe.schema_tree import ROOT, Slot, child_of, kind_of, paths, slot_at, value_at
from armtune.recipe.wording import did_you_mean, nearest, needs, one_of, quoting, sentence

MOST_FAULTS = 200
"""Faults that are told at most: what was meant takes a while to find."""


def schema_faults(error: ValidationError, document: Document) -> list[Fault]:
    """All faults that the schema found in a document, each once."""
    errors = error.errors(include_url=False)
    found = [_fault(dict(e), document) for e in errors[:MOST_FAULTS]]
    if len(errors) > MOST_FAULTS:
        found.append(document.fault((), f"{len(errors) - MOST_FAULTS} more faults, not told here"))
    return list(dict.fromkeys(found))


def unknown_key(document: Document, steps: Steps) -> Fault:
    """The fault of a key that the schema doesn't know at its place."""
    around, key = steps[:-1], str(steps[-1])
    slot, parent = slot_at(document.content, around), value_at(document.content, around)
    options = slot.chosen(parent) if slot else None
    said = foreign_option(slot, parent, key) if slot else ""
    if options is not None and key in options.former:
        said = f"{key} is no option any more: {options.former[key]}"
    if said:
        return document.fault(steps, said, at_key=True)
    hint = _meant(key, list(options.model_fields) if options else [], document.content)
    return document.fault(steps, "unknown key", hint, at_key=True)


def foreign_option(slot: Slot, content: Any, key: str) -> str:
    """Says that a key is an option of another plug-in of the kind; empty when it is of none."""
    options = slot.chosen(content)
    owners = [name for name, plugin in slot.plugins.items() if key in plugin.model_fields]
    if not owners or options is None:
        return ""
    kind, own = kind_of(options), content["name"]
    return f"{key!r} is an option of {kind} {one_of(owners)}, not of {own!r}"


def path_hint(path: str, content: Any, allowed: Sequence[str]) -> str:
    """The path that was most likely meant; else what is allowed where it goes wrong.

    Args:
        path: a path that no recipe has.
        content: the recipe, whose modalities and plug-ins decide which paths there are.
        allowed: the steps that are allowed in place of the path's last.
    """
    around, _, last = path.rpartition(".")
    beside = nearest(last, allowed)
    if beside:
        return f"did you mean {f'{around}.{beside}'.removeprefix('.')!r}?"
    known = [".".join(steps) for steps in paths(content)]
    same = [p for p in known if p.rpartition(".")[2] == last]
    meant = same[0] if len(same) == 1 else nearest(path, same) or nearest(path, known, 0.85)
    if meant:
        return f"did you mean {meant!r}?"
    return f"allowed here: {', '.join(allowed)}" if allowed else ""


def _meant(key: str, allowed: list[str], content: Any) -> str:
    if nearest(key, allowed):
        return did_you_mean(key, allowed)
    elsewhere = [".".join(steps) for steps in paths(content) if steps[-1] == key]
    if elsewhere:
        return f"did you mean {elsewhere[0]!r}?"
    return f"allowed here: {', '.join(allowed)}"


def _fault(error: dict[str, Any], document: Document) -> Fault:
    kind = error["type"]
    steps, slot, at_key = _locate(error["loc"], document.content, kind)
    if kind == "extra_forbidden":
        return unknown_key(document, steps)
    if kind == "missing":
        return document.fault(steps, _missing(slot))
    if kind == "union_tag_not_found":
        return document.fault((*steps, "name"), f"missing: {one_of(list(slot.plugins))}")
    if kind == "union_tag_invalid":
        return _no_plugin(document, (*steps, "name"), slot)
    if kind == "literal_error" and steps[-1] == "name":
        return _no_plugin(document, steps, slot_at(document.content, steps[:-1]) or slot)
    if kind == "value_error":
        return document.fault(steps, str(error["ctx"]["error"]))
    if at_key:
        return document.fault(steps, f"needs {needs(slot)}, not {shown(steps[-1])}", at_key=True)
    return _wrong(document, steps, slot, error["input"])


def _locate(loc: Steps, content: Any, kind: str) -> tuple[Steps, Slot, bool]:
    """The path in the document, without the names of union branches that pydantic puts in.

    Returns:
        The path, what may stand there, and whether it's the key that is wrong.
    """
    steps: Steps = ()
    slot, around, branch_seen = ROOT, ROOT, False
    for depth, part in enumerate(loc, 1):
        # A key may be called so, too.
        last = depth == len(loc) and kind != "extra_forbidden"
        if part == "[key]" and around.free and last:
            return steps, Slot(get_args(around.annotation)[0]), True
        if len(slot.classes) > 1 and not branch_seen:
            branch_seen = True
            continue
        child = slot.child(content, part)
        if child is None and not slot.classes:
            continue
        around, slot, branch_seen = slot, child or Slot(Any), False
        steps, content = (*steps, part), child_of(content, part)
    return steps, slot, False


def _missing(slot: Slot) -> str:
    meaning = sentence(slot.field.description if slot.field else "")
    return f"missing: {meaning or needs(slot)}"


def _no_plugin(document: Document, steps: Steps, slot: Slot) -> Fault:
    name = value_at(document.content, steps)
    names = list(slot.plugins)
    hint = did_you_mean(str(name), names, otherwise="there are")
    said = f"no {kind_of(slot.classes[0])} is called {shown(name)}"
    return document.fault(steps, said, hint)


def _wrong(document: Document, steps: Steps, slot: Slot, value: Any) -> Fault:
    hint = quoting(slot, value)
    if isinstance(value, str) and value in slot.plugins:
        hint = f"write {{name: {value}}}"
    elif isinstance(value, str) and get_origin(slot.annotation) is Literal:
        hint = did_you_mean(value, [str(v) for v in get_args(slot.annotation)])
    return document.fault(steps, f"needs {needs(slot)}, not {shown(value)}", hint)
