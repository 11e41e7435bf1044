"""Finds the plug-ins of a kind: every file in the kind's folder, and outside entry points.

A kind is a folder of the package (``encoders``, ``balancing`` …) whose ``__init__`` defines the
base class of its plug-ins, named in ``KINDS``. A plug-in is a subclass of it in a file of its own.
An outside package adds one with an entry point in the group ``armtune.<kind>``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Annotated, Any, Union

from pydantic import Field

from armtune.options import Options

KINDS: dict[str, str] = {
    "encoders": "Encoder",
    "fusion": "Fusion",
    "balancing": "Balancing",
    "data": "Data",
    "optimizers": "Optimizer",
    "samplers": "Sampler",
    "pruners": "Pruner",
}


def plugin_name(plugin: type[Options]) -> str:
    """The name a recipe calls a plug-in by: the default of its ``name`` field."""
    return str(plugin.model_fields["name"].default)


@cache
def plugins(kind: str) -> dict[str, type[Options]]:
    """All plug-ins of a kind by name, in alphabetical order."""
    package = importlib.import_module(f"armtune.{kind}")
    base = getattr(package, KINDS[kind])
    found = {
        plugin_name(p): p for module in _modules(package, kind) for p in _defined(module, base)
    }
    return dict(sorted(found.items()))


def plugin_union(kind: str) -> Any:
    """The type of a recipe field that holds any plug-in of a kind, told apart by ``name``."""
    types = tuple(plugins(kind).values())
    if len(types) == 1:
        return types[0]
    return Annotated[Union[types], Field(discriminator="name")]  # noqa: UP007 (built at run time)


def _modules(package: ModuleType, kind: str) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{info.name}")
    for entry in entry_points(group=f"armtune.{kind}"):
        yield importlib.import_module(entry.module)


def _defined(module: ModuleType, base: type[Options]) -> Iterator[type[Options]]:
    for _, member in inspect.getmembers(module, inspect.isclass):
        # Python 3.10 takes aliases such as dict[str, int] for classes; their module is another.
        if member.__module__ == module.__name__ and issubclass(member, base):
            yield member
