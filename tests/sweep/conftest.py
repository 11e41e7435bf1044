"""What the tests of the sweep share. Lets them, and processes they start, use ``fake_training``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from armtune.recipe.schema import Recipe

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def real_recipe(tmp_path: Path) -> Recipe:
    """A sweep of real trainings on toy arrays beside it, in ``tmp_path``."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    centres = {"image": rng.normal(size=(3, 6)), "audio": rng.normal(size=(3, 5)) / 2}
    views = {m: c[labels] + rng.normal(size=(300, c.shape[1])) for m, c in centres.items()}
    np.savez(tmp_path / "toy.npz", label=labels, **views)
    return Recipe.model_validate(
        {
            "name": "toy",
            "data": {"name": "arrays", "path": "toy.npz"},
            "modalities": {m: {"encoder": {"name": "mlp", "width": 8}} for m in views},
            "fusion": {"name": "concat", "dim": 8},
            "balancing": {"name": "arm"},
            "training": {"epochs": 6, "batch_size": 32, "optimizer": {"name": "adamw", "lr": 0.01}},
            "sweep": {
                "space": [
                    {"training.optimizer.lr": {"log": [1e-4, 0.1]}},
                    {"balancing.tau": {"uniform": [0, 2]}},
                ],
                "objectives": ["maximize accuracy", "minimize contribution_gap"],
                "constraints": ["weakest_accuracy >= 0.2"],
                "trials": 6,
                "pruner": {"name": "pareto_asha", "first_rung": 2, "startup_trials": 1},
                "confirm": {"top": 1, "seeds": 2},
            },
        }
    )
