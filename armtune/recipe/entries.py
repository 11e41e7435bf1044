"""The ranges of a recipe's search spaces, each with the place where it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from armtune.errors import Fault, RecipeError
from armtune.files import exists, is_file
from armtune.recipe.document import Document, Steps, read_document, shown
from armtune.recipe.overrides import UnknownPathError, expand
from armtune.recipe.ranges import Dimension, parse_range
from armtune.recipe.schema import AUTO
from armtune.recipe.shipped import space_file, spaces_folder
from armtune.recipe.wording import did_you_mean

SHIPPED = spaces_folder()


@dataclass(frozen=True)
class Entry:
    """A range and the place where it is written."""

    dimension: Dimension
    document: Document
    steps: Steps

    @property
    def path(self) -> str:
        """The dimension's path."""
        return self.dimension.path

    def fault(self, message: str, hint: str = "", at_key: bool = False) -> Fault:
        """A fault of this range."""
        found = self.document.fault(self.steps, message, hint, at_key)
        around = found.path.removesuffix(str(self.steps[-1]))
        return replace(found, path=around + self.path)

    def unbound(self, path: str) -> str:
        """A path beside this one, with ``*`` where this one is written with ``*``."""
        written = str(self.steps[-1]).split(".")
        ways = zip_longest(path.split("."), self.path.split("."), written)
        return ".".join(star if step == own else step for step, own, star in ways if step)

    def where(self) -> str:
        """The place in words."""
        fault = self.document.fault(self.steps, "", at_key=True)
        place = ":".join(str(part) for part in (fault.file, fault.line, fault.column) if part)
        return place or fault.path


@dataclass
class Entries:
    """What was read of the search spaces.

    Attributes:
        good: ranges that are written right, with ``*`` still in their paths.
        broken: paths of the others.
        faults: what is wrong with the others, and with whole files.
    """

    good: list[Entry]
    broken: set[str]
    faults: list[Fault]


def read_entries(items: Sequence[Any], document: Document, folder: Path) -> Entries:
    """Reads ``sweep.space``: files, relative to ``folder`` or shipped, and mappings.

    What ``auto`` stands for is read once the data are known (see ``automatic``).
    """
    entries = Entries([], set(), [])
    read: set[str] = set()
    for i, item in enumerate(items):
        steps: Steps = ("sweep", "space", i)
        if isinstance(item, str) and item in read:
            entries.faults.append(document.fault(steps, f"{shown(item)} stands here twice"))
        elif isinstance(item, str) and item != AUTO:
            read.add(item)
            _read_file(item, document, steps, folder, entries)
        elif isinstance(item, dict):
            _read_mapping(item, document, steps, entries)
    return entries


def for_modalities(entry: Entry, content: Any) -> Iterator[Entry]:
    """The entry for each modality that ``*`` stands for in its path; in its conditions too.

    Raises:
        UnknownPathError: ``*`` stands where no modality can.
    """
    written = entry.path.split(".")
    for steps in expand(content, tuple(written)):
        bound = [steps[i] for i, step in enumerate(written) if step == "*"]
        when = {_bind(path, bound): values for path, values in entry.dimension.when.items()}
        yield replace(entry, dimension=replace(entry.dimension, path=".".join(steps), when=when))


def _bind(path: str, bound: Sequence[str]) -> str:
    if "*" in path and not bound:
        raise UnknownPathError(f"the condition's '*' in {path} needs one in the range's path", "")
    return path.replace("*", bound[0]) if bound else path


def _read_file(item: str, document: Document, steps: Steps, folder: Path, entries: Entries) -> None:
    path = Path(os.path.normpath(space_file(item, folder)))
    if not is_file(path):
        said = f"there is no file {path.absolute()}"
        entries.faults.append(document.fault(steps, said, _other_spaces(path, folder)))
        return
    try:
        space = read_document(path)
    except RecipeError as error:
        entries.faults += error.faults
        return
    entries.faults += space.faults
    if isinstance(space.content, dict):
        _read_mapping(space.content, space, (), entries)
    else:
        said = f"needs a mapping of paths to ranges, not {shown(space.content)}"
        entries.faults.append(space.fault((), said))


def _other_spaces(path: Path, folder: Path) -> str:
    """What may have been meant by a file that isn't there: one of its folder, or a shipped one."""
    places = (folder / "search_spaces", folder / "../search_spaces", SHIPPED)
    names = {place: sorted(p.name for p in place.glob("*.yaml")) for place in places}
    for place in places:
        if path.name in names[place]:
            return f"did you mean {os.path.relpath(place / path.name, folder)}?"
    others = [p.name for p in path.parent.glob("*.yaml")] if exists(path.parent) else []
    if others:
        return did_you_mean(path.name, others, otherwise="the folder has")
    shipped = next((place for place in places if names[place]), None)
    if shipped is None:
        return ""
    return f"{os.path.relpath(shipped, folder)} has {', '.join(names[shipped])}"


def _read_mapping(
    content: dict[str, Any], document: Document, steps: Steps, entries: Entries
) -> None:
    for path, written in content.items():
        try:
            dimension = parse_range(path, written)
        except ValueError as error:
            entries.broken.add(path)
            entries.faults.append(document.fault((*steps, path), str(error)))
        else:
            entries.good.append(Entry(dimension, document, (*steps, path)))
