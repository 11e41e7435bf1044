"""What ranges need beyond their form: paths that exist, conditions that can hold, fit values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from armtune.errors import Fault, RecipeError
from armtune.recipe.document import shown
from armtune.recipe.entries import Entries, Entry, for_modalities
from armtune.recipe.faults import MOST_FAULTS, path_hint
from armtune.recipe.load import content_of, with_overrides
from armtune.recipe.overrides import UnknownPathError
from armtune.recipe.ranges import Dimension, same
from armtune.recipe.schema import Recipe
from armtune.recipe.schema_tree import ROOT, Slot, kind_of, value_at
from armtune.recipe.wording import nearest, one_of

_UNSEARCHED = {
    "name": "it names the run",
    "plugins": "all trials must know the same plug-ins",
    "data": "all trials must see the same data",
    "metrics": "all trials must measure the same",
    "sweep": "it says how to search",
    "training.folds": "all trials must be judged by the same samples",
}


def checked(entries: Entries, recipe: Recipe) -> tuple[tuple[Dimension, ...], list[Fault]]:
    """The dimensions, ordered so that what a condition reads comes first, and all faults.

    A range with a fault is left out of the later checks, as are those whose conditions read it, so
    that one mistake is told once.
    """
    checks = _Checks(recipe)
    checks.spread(entries)
    checks.run(checks.path)
    checks.settle_conditions()
    for check in (checks.circle, checks.clash, checks.plugin, checks.values):
        checks.run(check)
    return tuple(checks.ordered()), checks.faults


class _Checks:
    """The ranges that are in order so far, by path; one method a check, one range at a time."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.content = content_of(recipe)
        self.entries: dict[str, Entry] = {}
        self.broken: set[str] = set()
        self.faults: list[Fault] = []
        self.unknown = 0

    def spread(self, entries: Entries) -> None:
        """Takes the entries in, one a modality where they say ``*``; no path twice."""
        self.broken |= entries.broken
        for written in entries.good:
            try:
                for entry in for_modalities(written, self.content):
                    self.add(entry)
            except UnknownPathError as error:
                self.broken.add(written.path)
                self.faults.append(written.fault(str(error), error.hint, at_key=True))

    def add(self, entry: Entry) -> None:
        first = self.entries.setdefault(entry.path, entry)
        if first is not entry:
            said = f"this path has a range already, at {first.where()}"
            self.faults.append(entry.fault(said, at_key=True))

    def run(self, check: Callable[[Entry], Iterable[Fault]]) -> None:
        """Applies a check to every range, and leaves out what it finds fault with."""
        found = {path: list(check(entry)) for path, entry in self.entries.items()}
        self.faults += _once([fault for faults in found.values() for fault in faults])
        self.leave_out({path for path, faults in found.items() if faults})

    def leave_out(self, paths: set[str]) -> None:
        while paths:
            self.broken |= paths
            self.entries = {p: e for p, e in self.entries.items() if p not in paths}
            paths = {p for p, e in self.entries.items() if paths & e.dimension.when.keys()}

    def settle_conditions(self) -> None:
        """Takes out the conditions that the recipe itself meets, and finds those it can't."""
        for path, entry in list(self.entries.items()):
            if any(self.is_broken(read) for read in entry.dimension.when):
                self.leave_out({path})
        self.run(self.conditions)
        for path, entry in self.entries.items():
            when = {p: v for p, v in entry.dimension.when.items() if p in self.entries}
            self.entries[path] = replace(entry, dimension=replace(entry.dimension, when=when))

    def is_broken(self, path: str) -> bool:
        steps = path.split(".")
        return any(_matches(steps, pattern.split(".")) for pattern in self.broken)

    def conditions(self, entry: Entry) -> Iterator[Fault]:
        for path, values in entry.dimension.when.items():
            read = self.entries.get(path)
            own = value_at(self.content, tuple(path.split(".")))
            if read is None and _slot(path, self.content) is None:
                self.unknown += 1
                hint = _meant(path, self.content) if self.unknown <= MOST_FAULTS else ""
                yield entry.fault(f"a condition reads {path}, which no recipe has", hint)
            elif read is None and not any(same(own, value) for value in values):
                said = f"the recipe's {path} is {shown(own)}, and no range searches it"
                yield entry.fault(f"the condition can never hold: {said}")
            elif read is not None:
                yield from self.undrawn(entry, read.dimension, values)

    def undrawn(self, entry: Entry, read: Dimension, values: Iterable[Any]) -> Iterator[Fault]:
        for value in values:
            if not read.holds(value):
                said = f"{read.path} is drawn from {read}, never {shown(value)}"
                near = nearest(str(value), [str(choice) for choice in read.choices])
                hint = f"did you mean {near!r}?" if near else ""
                yield entry.fault(f"the condition can never hold: {said}", hint)

    def path(self, entry: Entry) -> Iterator[Fault]:
        top = entry.path.split(".")[0]
        slot = _slot(entry.path, self.content)
        fixed = next((p for p in (top, entry.path) if p in _UNSEARCHED), None)
        if fixed:
            yield entry.fault(f"{fixed} can't be searched: {_UNSEARCHED[fixed]}", at_key=True)
        elif slot is None:
            self.unknown += 1
            hint = _meant(entry.path, self.content) if self.unknown <= MOST_FAULTS else ""
            yield entry.fault("no recipe has this path", hint, at_key=True)
        elif slot.classes or slot.named:
            yield entry.fault("is a mapping; search the keys in it", at_key=True)

    def circle(self, entry: Entry) -> Iterator[Fault]:
        way = self.way_back(entry.path, entry.path, ())
        if way and entry.path == min(way):
            yield entry.fault(f"the conditions go in a circle: {' → '.join((*way, entry.path))}")

    def way_back(self, path: str, goal: str, way: tuple[str, ...]) -> tuple[str, ...]:
        """The paths from one to the next condition that lead back to ``goal``."""
        if path in way:
            return way if path == goal else ()
        inner = self.entries[path].dimension.when if path in self.entries else ()
        ways = (self.way_back(read, goal, (*way, path)) for read in inner)
        return next((found for found in ways if found), ())

    def clash(self, entry: Entry) -> Iterator[Fault]:
        for path, values in self.needed(entry).items():
            if not values:
                yield entry.fault(f"the conditions can never hold together: they differ on {path}")

    def needed(self, entry: Entry) -> dict[str, tuple[Any, ...]]:
        """What other dimensions must be, the conditions of conditions included."""
        needed: dict[str, tuple[Any, ...]] = {}
        todo = list(entry.dimension.when.items())
        while todo:
            path, values = todo.pop()
            before = needed.get(path, values)
            needed[path] = tuple(v for v in values if any(same(v, other) for other in before))
            todo += self.entries[path].dimension.when.items()
        return needed

    def plugin(self, entry: Entry) -> Iterator[Fault]:
        for prefix, slot, option, names in self.plugins_on(entry):
            able = [name for name in names if option in slot.plugins[name].model_fields]
            lacking = [name for name in names if name not in able]
            if not lacking:
                continue
            kind = kind_of(slot.plugins[lacking[0]])
            said = f"{option!r} is no option of {kind} {one_of(lacking)}"
            owners = [n for n, plugin in slot.plugins.items() if option in plugin.model_fields]
            if f"{prefix}.name" in self.entries:
                condition = f"{entry.unbound(prefix)}.name: {_flow(able or owners)}"
                yield entry.fault(said, f"add when: {{{condition}}}")
            else:
                hint = f"it is an option of {one_of(owners)}; set or search {prefix}.name"
                yield entry.fault(f"{said}, which the recipe has", hint)

    def plugins_on(self, entry: Entry) -> Iterator[tuple[str, Slot, str, list[str]]]:
        """Plug-ins on a path: where, their slot, the option read, the names that can occur."""
        needed = self.needed(entry)
        steps = entry.path.split(".")
        for depth, slot in enumerate(_slots(entry.path, self.content)[:-1]):
            if slot.plugins and steps[depth] != "name":
                prefix = ".".join(steps[:depth])
                names = self.names(f"{prefix}.name", needed)
                yield prefix, slot, steps[depth], [name for name in names if name in slot.plugins]

    def names(self, path: str, needed: dict[str, tuple[Any, ...]]) -> tuple[Any, ...]:
        if path in needed:
            return needed[path]
        if path in self.entries:
            return self.entries[path].dimension.choices
        return (value_at(self.content, tuple(path.split("."))),)

    def values(self, entry: Entry) -> list[Fault]:
        """Tries both ends, or every choice, with every plug-in whose option this is."""
        base = {path: values[0] for path, values in self.needed(entry).items()}
        on_path = self.plugins_on(entry)
        named = [[(f"{prefix}.name", n) for n in names] for prefix, _, _, names in on_path]
        found = (self.refusals(entry, {**base, **dict(chosen)}) for chosen in product(*named))
        return list(dict.fromkeys(fault for faults in found for fault in faults))

    def refusals(self, entry: Entry, base: dict[str, Any]) -> Iterator[Fault]:
        if self.refusal(base):
            return
        for value in entry.dimension.extremes:
            fault = self.refusal({**base, entry.path: value})
            if fault:
                inner = "" if fault.path == entry.path else f"{fault.path}: "
                yield entry.fault(f"can't be {shown(value)}: {inner}{fault.message}", fault.hint)

    def refusal(self, values: dict[str, Any]) -> Fault | None:
        try:
            with_overrides(self.recipe, values)
        except RecipeError as error:
            return error.faults[0]
        return None

    def ordered(self) -> list[Dimension]:
        """The dimensions in the order written, but what a condition reads before it is read."""
        done: dict[str, Dimension] = {}

        def visit(path: str) -> None:
            for read in self.entries[path].dimension.when:
                visit(read)
            done.setdefault(path, self.entries[path].dimension)

        for path in self.entries:
            visit(path)
        return list(done.values())


def _once(faults: list[Fault]) -> list[Fault]:
    """The faults; one, with ``*`` in its path, where several modalities have the same."""
    merged: dict[Fault, str] = {}
    for fault in faults:
        key = replace(fault, path="")
        merged[key] = _common(merged.get(key, fault.path), fault.path)
    return [replace(fault, path=path) for fault, path in merged.items()]


def _common(one: str, other: str) -> str:
    steps = zip(one.split("."), other.split("."), strict=True)
    return ".".join(a if a == b else "*" for a, b in steps)


def _matches(steps: list[str], pattern: list[str]) -> bool:
    same_length = len(steps) == len(pattern)
    return same_length and all(p in ("*", s) for s, p in zip(steps, pattern, strict=True))


def _slots(path: str, content: Any) -> list[Slot]:
    """What may stand at each place along a path, from the top; cut off where nothing may."""
    found = [ROOT]
    for depth, step in enumerate(path.split(".")):
        inner = found[-1].alternatives(step)
        around = value_at(content, tuple(path.split(".")[:depth]))
        if not inner or (found[-1].named and step not in around):
            break
        found.append(inner[0])
    return found


def _slot(path: str, content: Any) -> Slot | None:
    found = _slots(path, content)
    return found[-1] if len(found) == path.count(".") + 2 else None


def _meant(path: str, content: Any) -> str:
    """A hint at the path that was meant, an option of a plug-in not chosen here included."""
    found = _slots(path, content)
    steps = tuple(path.split(".")[: len(found)])
    options = [name for plugin in found[-1].classes for name in plugin.model_fields]
    names = value_at(content, steps[:-1]) if found[-1].named else options
    if found[-1].named and not names:
        return f"the recipe names nothing in {'.'.join(steps[:-1])}; name {steps[-1]} there"
    return path_hint(".".join(steps), content, list(dict.fromkeys(names)))


def _flow(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"
