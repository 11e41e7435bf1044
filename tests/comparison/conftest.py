"""A recipe in its folder, with spaces and toy data beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

RECIPE: dict[str, Any] = {
    "name": "toy",
    "data": {"name": "arrays", "path": "toy.npz"},
    "modalities": {m: {"encoder": {"name": "mlp", "width": 8}} for m in ("image", "audio")},
    "fusion": {"name": "concat", "dim": 8},
    "balancing": {"name": "arm", "alpha": 2.0},
    "training": {"epochs": 2, "batch_size": 16},
    "sweep": {
        "space": ["../spaces/optimizer.yaml", "../spaces/arm.yaml"],
        "objectives": ["maximize accuracy", "minimize contribution_gap"],
        "constraints": ["weakest_accuracy >= 0.1"],
        "trials": 8,
        "sampler": {"name": "random"},
        "confirm": {"top": 3, "seeds": 4},
    },
}
SPACES = {
    "optimizer": {"training.optimizer.lr": {"log": [1e-3, 1e-1]}},
    "arm": {"balancing.tau": {"uniform": [0, 2], "when": {"balancing.name": "arm"}}},
}

WriteRecipe = Callable[..., Path]


@pytest.fixture
def write_recipe(tmp_path: Path) -> WriteRecipe:
    """Writes the recipe, with other values in its top-level keys or in ``sweep``."""
    for name, space in SPACES.items():
        path = tmp_path / "spaces" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(space), encoding="utf-8")

    def write(sweep: dict[str, Any] | None = None, **changes: Any) -> Path:
        content = {**RECIPE, **changes}
        content["sweep"] = {**RECIPE["sweep"], **(sweep or {})}
        path = tmp_path / "recipes" / "toy.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return write
