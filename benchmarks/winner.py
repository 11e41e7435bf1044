"""The winner of a sweep against what a user would have without it, over the same seeds.

    python benchmarks/winner.py runs/avmnist

Trains, with each of the winner's confirming seeds: each modality alone and all together without
balancing (the recipe's own values, untuned), and the recipe's own values with its balancing. Reads
the winner's figures from the run. Test accuracy in per cent; differences are paired by seed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from armtune.datasets._load import load_dataset
from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.sweeps import read_confirmed
from armtune.training.loop import Run, train


def variant(
    recipe: Recipe, seed: int, balancing: Mapping[str, object], modalities: Sequence[str]
) -> Recipe:
    """The recipe with another seed, balancing method and choice of modalities."""
    content = recipe.model_dump()
    content["modalities"] = {m: content["modalities"][m] for m in modalities}
    content["balancing"] = dict(balancing)
    content["training"]["seed"] = seed
    return Recipe.model_validate(content)


def accuracies(recipes: Sequence[Recipe], folder: Path) -> np.ndarray:
    """Test accuracy of each recipe at its best epoch, in per cent."""
    found = []
    for recipe in recipes:
        run = Run([recipe], load_dataset(recipe, folder))
        train(run, lambda *_: None)
        found.append(100 * run.test()[0]["accuracy"])
    return np.array(found)


def main(folder: Path) -> None:
    """Prints the table of a run."""
    torch.set_num_threads(1)
    recipe = load_recipe(folder / "recipe.yaml")
    about = json.loads((folder / "best" / "metrics.json").read_text())
    confirmed = read_confirmed(folder)[about["trial"]]
    seeds = [c.seed for c in confirmed]
    winner = np.array([100 * c.test["accuracy"] for c in confirmed])
    everything = list(recipe.modalities)
    none, own = {"name": "none"}, recipe.balancing.model_dump()
    cases = {f"{m} alone, untuned": (none, [m]) for m in everything} | {
        "balancing: none, untuned": (none, everything),
        "the recipe's own values": (own, everything),
    }
    print(f"{load_dataset(recipe, folder).description}; {len(seeds)} seeds\n")
    print("| model | test accuracy | winner's lead, 95 % interval |\n|---|---|---|")
    figures = f"{winner.mean():.2f} ± {winner.std(ddof=1):.2f}"
    print(f"| **the sweep's winner** (trial {about['trial']}) | {figures} | |")
    for name, (balancing, modalities) in cases.items():
        other = accuracies([variant(recipe, s, balancing, modalities) for s in seeds], folder)
        lead = winner - other
        half = stats.t.ppf(0.975, len(seeds) - 1) * lead.std(ddof=1) / np.sqrt(len(seeds))
        print(
            f"| {name} | {other.mean():.2f} ± {other.std(ddof=1):.2f} "
            f"| {lead.mean():+.2f} [{lead.mean() - half:.2f}, {lead.mean() + half:.2f}] |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
