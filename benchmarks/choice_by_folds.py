"""Whether a choice by folds is better than one by a validation split, over random cuts of MSRC.

For each cut the same random settings are trained with a validation split of a fifth and with five
folds. A setting's worth is the mean test accuracy of its folds' members; each rule's pick is judged
by it. Run: ``python benchmarks/choice_by_folds.py DATA CUTS``, with the data in the format of
``arrays`` and its own splits taken out.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch

from armtune.data import Dataset
from armtune.data.folding import folded
from armtune.datasets._load import load_dataset
from armtune.recipe.objectives import Choice
from armtune.recipe.schema import Recipe
from armtune.training.folds import CrossValidation
from armtune.training.loop import Run, train
from armtune.training.schedule import begin

VIEWS = ("v2", "v4", "v5")
SETTINGS = 12
EPOCHS = 25
RULES = (
    "highest accuracy",
    "highest accuracy within one standard error, then lowest loss",
    "highest accuracy within one standard error, then lowest contribution_gap",
)

Figures = Mapping[str, float]


def settings(cut: int) -> list[Recipe]:
    """Random settings of one program for a cut of the data."""
    rng = np.random.default_rng(cut)

    def drawn() -> Recipe:
        scales = {v: float(10 ** rng.uniform(-1.5, 0)) for v in VIEWS}
        lr, decay = 10 ** rng.uniform(-4, -1.5), 10 ** rng.uniform(-4, 0)
        return Recipe.model_validate(
            {
                "name": "choice",
                "data": {
                    "name": "arrays",
                    "path": sys.argv[1],
                    "views": {v: f"view_{v}" for v in VIEWS},
                    "test": 0.3,
                    "validation": 0.2,
                    "seed": cut,
                },
                "modalities": {
                    v: {"encoder": {"name": "mlp", "width": 64}, "lr_scale": scales[v]}
                    for v in VIEWS
                },
                "training": {
                    "epochs": EPOCHS,
                    "batch_size": 32,
                    "optimizer": {"name": "adamw", "lr": lr, "weight_decay": decay},
                },
            }
        )

    return [drawn() for _ in range(SETTINGS)]


def trained(recipes: Sequence[Recipe], data: Dataset) -> Run | CrossValidation:
    """A training of a pack, done."""
    run = begin(recipes, data)
    train(run, lambda *_: None)
    return run


def of_a_cut(cut: int) -> dict[str, float]:
    """Worth of each rule's pick, of a setting drawn by chance, and of the best."""
    recipes = settings(cut)
    data = load_dataset(recipes[0], Path())
    split, folds = trained(recipes, data), trained(recipes, folded(data, 5))
    assert isinstance(folds, CrossValidation)
    tests = [m["accuracy"] for m in folds.run.test()]
    worth = [fmean(tests[k : k + 5]) for k in range(0, len(tests), 5)]
    found = {"chance": fmean(worth), "best": max(worth)}
    for name, run in (("split", split), ("folds", folds)):
        for rule in RULES:
            pick = Choice.parse(rule).pick(run.best)
            assert pick is not None
            found[f"{name}: {rule}"] = worth[pick]
    return found


def main() -> None:
    """Prints each rule's mean worth, and its lead over the first with its standard error."""
    torch.set_num_threads(1)
    cuts = [of_a_cut(cut) for cut in range(int(sys.argv[2]))]
    base = [c[f"split: {RULES[0]}"] for c in cuts]
    for name in cuts[0]:
        own = [c[name] for c in cuts]
        lead = [a - b for a, b in zip(own, base, strict=True)]
        error = stdev(lead) / len(lead) ** 0.5
        print(f"{fmean(own):.4f}  {fmean(lead):+.4f} ± {error:.4f}  {name}")


if __name__ == "__main__":
    main()
