"""Vectors in the automatic space: columns of tables read as such or not, and cut into bins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from armtune.data import Dataset
from armtune.encoders import Encoder
from armtune.encoders.mlp import Mlp
from armtune.encoders.tabular import Tabular
from armtune.recipe.automatic_lengths import EPOCHS, NARROW
from armtune.recipe.automatic_sequences import ENCODER, OPTIONS
from armtune.recipe.ranges import Range

BINS = "modalities.{}.encoder.bins"


def of_columns(vectors: Range) -> Range:
    """The ranges of vectors where these are a table's columns: `tabular` is one more encoder."""
    both = {ENCODER: [Tabular().name, Mlp().name]}
    shared = [path for path in (f"{OPTIONS}width", f"{OPTIONS}depth") if path in vectors]
    ranges = {**vectors, ENCODER: {"choice": [Tabular().name, *vectors[ENCODER]["choice"]]}}
    return {**ranges, **{path: {**vectors[path], "when": both} for path in shared}}


def without_wide_bins(space: Range, encoders: Mapping[str, Encoder], dataset: Dataset) -> Range:
    """An automatic space that leaves out bins of wide vectors and of principal components.

    Args:
        encoders: those that were chosen by the modalities' shapes.
    """
    fit = {
        BINS.format(m)
        for m, encoder in encoders.items()
        if isinstance(encoder, Mlp | Tabular)
        and not getattr(encoder, "components", 0)
        and prod(dataset.shapes[m]) <= NARROW
    }
    return {
        path: r for path, r in space.items() if not path.endswith(".encoder.bins") or path in fit
    }


def binned(space: Range) -> Iterator[dict[str, Any]]:
    """Settings with bins that are worth a trial each: by linear encoders, and by two layers, which
    take longer.
    """
    paths = [path for path in space if path.endswith(".encoder.bins")]
    if not paths:
        return
    bins = {path: space[path]["choice"][-1] for path in paths}
    names = {path.replace(".bins", ".name"): Mlp().name for path in paths}
    read = {path: name for path, name in names.items() if path in space}
    depths = [path.replace(".bins", ".depth") for path in paths]
    longest = {EPOCHS: space[EPOCHS]["choice"][-1]} if EPOCHS in space else {}
    yield {**read, **bins, **dict.fromkeys(depths, 0)}
    yield {**read, **bins, **dict.fromkeys(depths, 2), **longest}
