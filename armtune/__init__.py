"""armtune: a declarative sweeper for balanced multimodal learning.

``armtune.sweep(recipe)`` and the functions that load something are all one needs from Python;
they are in ``armtune.api``, which is imported at their first use. ``load_bundle`` and ``predict``
need less, and come without what reads recipes and runs sweeps.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from armtune.api import Result as Result
    from armtune.api import compare as compare
    from armtune.api import init as init
    from armtune.api import load_plugins as load_plugins
    from armtune.api import load_recipe as load_recipe
    from armtune.api import load_run as load_run
    from armtune.api import sweep as sweep
    from armtune.bundle import load_bundle as load_bundle
    from armtune.bundle import predict as predict

__version__ = "0.1.0"

_HOMES = {"load_bundle": "armtune.bundle", "predict": "armtune.bundle"}
__all__ = [
    "Result",
    "compare",
    "init",
    "load_bundle",
    "load_plugins",
    "load_recipe",
    "load_run",
    "predict",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "armtune.api")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
