"""Finds the plug-ins of a kind: every file in the kind's folder, and outside entry points.

A kind is a folder of the package (``encoders``, ``balancing`` …) whose ``__init__`` defines the
base class of its plug-ins, named in ``KINDS``. A plug-in is a subclass of it in a file of its own;
files whose names begin with ``_`` hold none.
An outside package adds one with an entry point in the group ``armtune.<kind>``, and a recipe by
naming a file (see ``user_files``).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Annotated, Any, Literal, Union, get_origin

from pydantic import Field

from armtune.plugins.options import Options

KINDS: dict[str, str] = {
    "encoders": "Encoder",
    "augmentations": "Augmentation",
    "fusion": "Fusion",
    "balancing": "Balancing",
    "datasets": "Data",
    "optimizers": "Optimizer",
    "samplers": "Sampler",
    "pruners": "Pruner",
    "metrics": "Measure",
}


def plugin_name(plugin: type[Options]) -> str:
    """The name a recipe calls a plug-in by: the default of its ``name`` field."""
    return str(plugin.model_fields["name"].default)


@cache
def plugins(kind: str) -> dict[str, type[Options]]:
    """All plug-ins of a kind by name, in alphabetical order."""
    package = importlib.import_module(f"armtune.{kind}")
    found = [item for m in _modules(package, kind) for item in defined(m, kind).items()]
    return dict(sorted(found))


def is_plugin(options: type[Options]) -> bool:
    """Whether these are a plug-in's options, told apart by a literal ``name``."""
    field = options.model_fields.get("name")
    return field is not None and get_origin(field.annotation) is Literal


def add(kind: str, found: Mapping[str, type[Options]]) -> None:
    """Adds plug-ins to those of a kind, in place of any of the same names."""
    known = plugins(kind)
    together = sorted({**known, **found}.items())
    known.clear()
    known.update(together)


def defined(module: ModuleType, kind: str) -> dict[str, type[Options]]:
    """The plug-ins of a kind that a module defines, by name."""
    base: type[Options] = getattr(importlib.import_module(f"armtune.{kind}"), KINDS[kind])
    # Python 3.10 takes aliases such as dict[str, int] for classes; their module is another.
    own = (
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and issubclass(member, base)
    )
    return {plugin_name(member): member for member in own if is_plugin(member)}


def plugin_union(kind: str) -> Any:
    """The type of a value that is any plug-in of a kind, told apart by ``name``."""
    types = tuple(plugins(kind).values())
    if len(types) == 1:
        return types[0]
    return Annotated[Union[types], Field(discriminator="name")]  # noqa: UP007 (built at run time)


def _modules(package: ModuleType, kind: str) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        yield importlib.import_module(f"{package.__name__}.{info.name}")
    for entry in entry_points(group=f"armtune.{kind}"):
        yield importlib.import_module(entry.module)
