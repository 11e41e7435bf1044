"""Measures a run's references; ``process.Beside`` starts it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from armtune.data import Dataset
from armtune.datasets._load import load_dataset
from armtune.encoders import Frozen
from armtune.encoders._frozen import are_kept, featured
from armtune.files import write_text
from armtune.recipe.document import read_document
from armtune.recipe.frozen import frozen_parts
from armtune.recipe.load import load_recipe
from armtune.recipe.plugins import PLUGINS
from armtune.recipe.schema import Recipe, add_file
from armtune.references import FOLDER, PER_SAMPLE, RESULTS, References
from armtune.references.clock import LOOK_SECONDS, Clock, Parent
from armtune.references.measure import measure
from armtune.references.models import Floats
from armtune.references.per_sample import write_per_sample


def main(recipe_file: Path) -> None:
    """Measures, and writes what there is after each reference."""
    parent, folder = Parent(), recipe_file.parent
    clock, recipe = Clock(parent.ended), _recipe(recipe_file)
    dataset = as_trained_on(load_dataset(recipe, folder), frozen_parts(recipe), parent.ended)

    def note(references: References, counts: Mapping[str, Floats]) -> None:
        write_text(folder / FOLDER / RESULTS, json.dumps(references.as_dict(), indent=2))
        write_per_sample(folder / FOLDER / PER_SAMPLE, counts)

    with clock.watching():
        measure(dataset, list(recipe.modalities), tokens_of(recipe, dataset), clock, note)


def _recipe(file: Path) -> Recipe:
    """The run's recipe; its plug-ins run, as they did in the sweep that started this."""
    for own in read_document(file).content[PLUGINS]:
        add_file(Path(own))
    return load_recipe(file, run_files=False)


def as_trained_on(
    dataset: Dataset, parts: Mapping[str, Frozen], ended: Callable[[float], bool]
) -> Dataset:
    """The data with features of frozen encoders, once a training has computed them.

    Where none has before the sweep ends, the data as they are: here it would take too long.
    """
    while not are_kept(dataset, parts):
        if ended(LOOK_SECONDS):
            return dataset
    return featured(dataset, parts)


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
