"""How a study holds the values of its dimensions, of which Optuna knows scalars only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import Trial

    from armtune.recipe.space import Dimension


def suggest(trial: Trial, dimension: Dimension) -> Any:
    """A trial's value of a dimension, drawn if it wasn't before."""
    path, low, high, step = dimension.path, dimension.low, dimension.high, dimension.step
    if dimension.kind == "float":
        return trial.suggest_float(path, low, high, step=step, log=dimension.log)
    if dimension.kind == "int":
        return trial.suggest_int(path, int(low), int(high), step=int(step or 1), log=dimension.log)
    return decode(trial.suggest_categorical(path, [encode(c) for c in dimension.choices]))


def encode(choice: Any) -> str:
    """A choice as text: a string as it is, unless it reads as JSON itself; all else as JSON.

    Optuna knows scalars only, and takes ``1`` and ``true`` for the same.
    """
    if isinstance(choice, str) and decode(choice) == choice:
        return choice
    return json.dumps(choice)


def decode(value: Any) -> Any:
    """The choice that a text stands for; numbers stay as they are."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
