"""Measures a run's references; ``process.Beside`` starts it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from armtune.data import Dataset
from armtune.datasets._load import load_dataset
from armtune.files import write_text
from armtune.recipe.load import load_recipe
from armtune.recipe.looking import look
from armtune.recipe.plugins import PLUGINS
from armtune.recipe.schema import Recipe, add_file
from armtune.references import FOLDER, PER_SAMPLE, RESULTS, References
from armtune.references.clock import Clock, Parent
from armtune.references.measure import measure
from armtune.references.models import Floats
from armtune.references.per_sample import write_per_sample


def main(recipe_file: Path) -> None:
    """Measures, and writes what there is after each reference."""
    clock, folder = Clock(Parent().ended), recipe_file.parent
    # The sweep that started this ran them as well.
    for file in look(recipe_file).content[PLUGINS]:
        add_file(Path(file))
    recipe = load_recipe(recipe_file, run_files=False)
    dataset = load_dataset(recipe, folder)

    def note(references: References, counts: Mapping[str, Floats]) -> None:
        write_text(folder / FOLDER / RESULTS, json.dumps(references.as_dict(), indent=2))
        write_per_sample(folder / FOLDER / PER_SAMPLE, counts)

    with clock.watching():
        measure(dataset, list(recipe.modalities), tokens_of(recipe, dataset), clock, note)


def tokens_of(recipe: Recipe, dataset: Dataset) -> list[str]:
    """The modalities whose samples are numbers of words: an encoder wants them unscaled."""
    return [
        name
        for name, modality in recipe.modalities.items()
        if modality.encoder.scaling == "unchanged" and _whole(dataset, name)
    ]


def _whole(dataset: Dataset, modality: str) -> bool:
    """Whether a modality's samples are rows of whole numbers, none of them below 0."""
    view = dataset.train.views[modality]
    first = np.asarray(view[:1000])
    return view.ndim == 2 and bool((first >= 0).all() and (first == np.round(first)).all())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
