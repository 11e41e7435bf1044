"""Libraries that are slow to import, loaded at their first use.

Plug-in files hold the options of a recipe, and ``armtune check`` reads those without paying for
torch, optuna or scikit-learn. Such a file writes
``from armtune.plugins.lazy_imports import torch`` instead of ``import torch``.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna as optuna
    import torch as torch

    sklearn_metrics: Any
else:

    class _LazyModule(ModuleType):
        def __getattr__(self, name: str) -> Any:
            module = importlib.import_module(self.__name__)
            value = getattr(module, name)
            setattr(self, name, value)
            return value

    torch = _LazyModule("torch")
    optuna = _LazyModule("optuna")
    sklearn_metrics = _LazyModule("sklearn.metrics")
