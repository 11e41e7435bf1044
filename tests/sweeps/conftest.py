"""What the tests of the sweep share. Lets them, and processes they start, use ``fake_training``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from armtune.recipe.schema import Recipe

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray for all tests of a file, whose workers find ``fake_training`` too."""
    from armtune.sweeps.engines import ray_start

    import ray  # isort: skip (ray_start sets what it reads when imported)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        ray_start.connect(None)
    yield ray
    ray.shutdown()


class Hog:
    def is_there(self) -> bool:
        return True


@pytest.fixture
def crowd(ray: Any) -> Iterator[None]:
    """Others use all cores of Ray but one."""
    cores = int(ray.cluster_resources()["CPU"])
    hogs = [ray.remote(num_cpus=1)(Hog).remote() for _ in range(cores - 1)]
    ray.get([hog.is_there.remote() for hog in hogs])
    yield
    for hog in hogs:
        ray.kill(hog)


@pytest.fixture
def real_recipe(tmp_path: Path) -> Recipe:
    """A sweep of real trainings on toy arrays beside it, in ``tmp_path``."""
    from fake_training import write_toy

    views = write_toy(tmp_path / "toy.npz")
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
                "references": False,
            },
        }
    )
