"""Sequences read as vectors: simple models beside the networks that read them step by step."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from armtune.data import Dataset
from armtune.data.standardize import FITTED_TO
from armtune.encoders import Encoder
from armtune.encoders.auto import encoder_for
from armtune.encoders.mlp import Mlp
from armtune.encoders.temporal_cnn import TemporalCnn
from armtune.recipe.ranges import Range, merged

OPTIONS = "modalities.*.encoder."
"""Begins the paths of any encoder's options."""
ENCODER = f"{OPTIONS}name"
COMPONENTS = f"{OPTIONS}components"
MOST_WORK = 4e10
"""Numbers of a sample, times the square of the samples that components are fitted to, up to which
a sequence is also read as a vector: components then take seconds."""


def as_vectors(encoders: Mapping[str, Encoder], dataset: Dataset) -> dict[str, Mlp]:
    """The perceptrons that read sequences as vectors, by modality, where these are small enough.

    Args:
        encoders: those that were chosen by the modalities' shapes.
    """
    found = {}
    for m in (m for m, encoder in encoders.items() if isinstance(encoder, TemporalCnn)):
        there, size = dataset.train.present.get(m), prod(dataset.shapes[m])
        samples = len(dataset.train) if there is None else int(there.sum())
        encoder = encoder_for((size,), samples=samples)
        if size * min(samples, FITTED_TO) ** 2 <= MOST_WORK and isinstance(encoder, Mlp):
            found[m] = encoder
    return found


def either_way(
    sequences: Mapping[str, Range], vectors: Mapping[str, Range], as_vector: Mlp
) -> dict[str, Range]:
    """The ranges of sequences and those of vectors as one space, which chooses the encoder.

    Args:
        as_vector: what reads a sequence as a vector.
    """
    own, others = [TemporalCnn().name], vectors[ENCODER]["choice"]
    ranges: dict[str, Range] = {ENCODER: {"choice": [*own, *others]}}
    for path, written in sequences.items():
        option = path.startswith(OPTIONS)
        ranges[path] = {**written, "when": {ENCODER: own}} if option else written
    for path, written in vectors.items():
        if path != ENCODER and path.startswith(OPTIONS):
            ranges[path] = merged(ranges.get(path), written, ENCODER)
        ranges.setdefault(path, written)
    if as_vector.components:
        ranges[COMPONENTS] = {"fixed": as_vector.components, "when": {ENCODER: others}}
    return ranges
