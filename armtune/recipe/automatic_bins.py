"""Vectors cut into bins: where the automatic space tries it, and how the search begins with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from armtune.data import Dataset
from armtune.encoders import Encoder
from armtune.encoders.mlp import Mlp
from armtune.recipe.automatic_lengths import EPOCHS
from armtune.recipe.ranges import Range

BINS = "modalities.{}.encoder.bins"
MOST_NUMBERS = 128
"""Numbers of a vector that are cut into bins at most; each becomes as many as it has bins."""


def without_wide_bins(space: Range, encoders: Mapping[str, Encoder], dataset: Dataset) -> Range:
    """An automatic space that leaves out bins of wide vectors and of principal components.

    Args:
        encoders: those that were chosen by the modalities' shapes.
    """
    fit = {
        BINS.format(m)
        for m, encoder in encoders.items()
        if isinstance(encoder, Mlp)
        and not encoder.components
        and prod(dataset.shapes[m]) <= MOST_NUMBERS
    }
    return {
        path: r for path, r in space.items() if not path.endswith(".encoder.bins") or path in fit
    }


def binned(space: Range) -> Iterator[dict[str, Any]]:
    """Settings with bins that are worth a trial each: by linear encoders, and by two layers, which
    take longer.
    """
    paths = [path for path in space if path.endswith(".encoder.bins")]
    if paths:
        bins = {path: space[path]["choice"][-1] for path in paths}
        yield bins
        deep = {path: 2 for path in space if path.endswith(".encoder.depth")}
        longest = {EPOCHS: space[EPOCHS]["choice"][-1]} if EPOCHS in space else {}
        yield {**bins, **deep, **longest}
