"""One of several processes that train together: ``sharding_process.py RANK COUNT FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, distributed

from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe
from armtune.testing.toys import TWO, Shapes, toy_dataset, toy_recipe, with_holes
from armtune.training.loop import Run, train

THREE: Shapes = {**TWO, "touch": (4,)}
OFTEN: dict[str, dict[str, Any]] = {"arm": {"warmup_epochs": 0, "tau": 1.0, "dropout": 0.3}}

HOLES = "modalities that samples lack"


def _cases() -> dict[str, tuple[Shapes, dict[str, Any]]]:
    """Shapes and changes to a toy recipe, by name: all methods, and options of the training."""
    methods = {
        name: (TWO, {"balancing": {"name": name, **OFTEN.get(name, {})}})
        for name in plugins("balancing")
    }
    small = {"batch_size": 15, "accumulate": 2, "clip_norm": 0.5}
    return {
        **methods,
        "none with three": (THREE, {}),
        "arm with three": (THREE, {"balancing": {"name": "arm", **OFTEN["arm"]}}),
        "accumulated and clipped": (TWO, {"training": small}),
        "single samples": (TWO, {"training": {"batch_size": 2, "epochs": 1}}),
        "convolved": (TWO, {"modalities": {"image": {"encoder": {"name": "lenet", "width": 2}}}}),
        HOLES: (TWO, {}),
        "given": (TWO, {"modalities": {"audio": {"encoder": {"name": "frozen_features"}}}}),
    }


CASES = _cases()


def recipe(name: str) -> Recipe:
    """The recipe of a case."""
    shapes, changes = CASES[name]
    content = toy_recipe(shapes, epochs=2).model_dump()
    for key, value in changes.items():
        content[key] = {**content[key], **value} if key != "balancing" else value
    return Recipe.model_validate(content)


def trained(name: str) -> dict[str, Tensor]:
    """Weights, the balancing method's state and all metrics of a pack of two of a case."""
    pair = [recipe(name), recipe(name)]
    pair[1] = pair[1].model_copy(
        update={"training": pair[1].training.model_copy(update={"seed": 1})}
    )
    dataset = toy_dataset(CASES[name][0])
    run = Run(pair, with_holes(dataset) if name == HOLES else dataset, dtype=torch.float64)
    assert (run.shares is not None) == distributed.is_initialized()
    train(run, lambda *_: None)
    metrics = [[*run.best[k].values(), *tested.values()] for k, tested in enumerate(run.test())]
    state = {f"state {n}": t for n, t in run.balancer.state().items()}
    tensors = {"weights": run.flat.values, "metrics": torch.tensor(metrics), **state}
    return {n: t.detach().double().contiguous().clone() for n, t in tensors.items()}


if __name__ == "__main__":
    rank, count, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=(folder / "store").as_uri(), rank=rank, world_size=count
    )
    for case in CASES:
        save_file(trained(case), folder / f"{case}-{rank}.safetensors")
    distributed.destroy_process_group()
