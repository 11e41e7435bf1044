"""The encoder for a modality, by what its training samples look like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset
from armtune.data.columns.fitted import Category, Number
from armtune.data.columns.modalities import File, Text, Vector, restored
from armtune.encoders import Encoder
from armtune.encoders.auto import encoder_for
from armtune.encoders.bag_of_words import BagOfWords
from armtune.encoders.embedding_bag import EmbeddingBag
from armtune.encoders.tabular import Tabular

LOOKED_AT = 512
"""Training samples that are looked at."""
WORDS = 50
"""Different numbers that token numbers have at least."""
REPEATED = 2
"""How often each of them comes at least, in the mean."""
LIKE_ANY_OTHER = 0.1
"""Share of the variance of token numbers that is one of places: any word may stand anywhere, while
columns that count or measure have each their own size."""
SHORTEST = 8
"""Shortest side of an image."""
SMOOTH = 0.5
"""Correlation of neighbours above which an axis is one of space."""


def chosen_encoder(modality: str, dataset: Dataset) -> Encoder:
    """The encoder that a modality's shape asks for; token numbers get an embedding."""
    about = dataset.prepared.get(modality)
    if about and (own := _for_columns(restored(about))):
        return own
    view = dataset.train.views[modality]
    there = dataset.train.present.get(modality)
    numbers = np.arange(len(view)) if there is None else np.flatnonzero(there)
    some = np.asarray(view[numbers[:LOOKED_AT]])
    if some.ndim == 2 and _are_tokens(some):
        return EmbeddingBag(vocabulary=max(int(view[numbers].max()), 1))
    sequence = some.ndim == 3 and _are_sequences(some)
    return encoder_for(view.shape[1:], sequence, len(numbers))


def _for_columns(by: Vector | Text | File) -> Encoder | None:
    """The encoder for columns of a table; None where their samples' shape decides."""
    if isinstance(by, Text):
        return BagOfWords(vocabulary=by.numbers.size)
    if isinstance(by, Vector) and not all(isinstance(c, Number) for c in by.columns):
        blocks = [[c.width] if isinstance(c, Category) else [1] * c.width for c in by.columns]
        return Tabular(blocks=[size for own in blocks for size in own])
    return None


def _are_tokens(view: NDArray[np.float32]) -> bool:
    """Whether samples ``(sample, token)`` are token numbers: whole, with padding after the last."""
    if view.shape[1] < 2 or (view != np.round(view)).any() or (view < 0).any():
        return False
    padding = view == 0
    if padding.all() or (padding[:, 1:] < padding[:, :-1]).any():
        return False
    words = len(np.unique(view))
    return WORDS <= words <= (~padding).sum() / REPEATED and _share_of_places(view) < LIKE_ANY_OTHER


def _share_of_places(view: NDArray[np.float32]) -> float:
    """The share of the numbers' variance, as logarithms, that is between columns; of 0 none."""
    there = view > 0
    logs = np.where(there, np.log1p(view, dtype=np.float64), 0)
    counts = there.sum(axis=0).clip(1)
    means = logs.sum(axis=0) / counts
    whole = logs[there]
    between = (there.sum(axis=0) * (means - whole.mean()) ** 2).sum() / len(whole)
    # Chance alone gives the columns different means.
    chance = whole.var() * view.shape[1] / len(whole)
    return float(max(between - chance, 0) / max(whole.var(), 1e-12))


def _are_sequences(view: NDArray[np.float32]) -> bool:
    """Whether the last axis of ``(sample, first, last)`` is one of channels, not one of space."""
    first, last = view.shape[1:]
    if first == last:
        return False
    if min(first, last) < SHORTEST:
        return True
    moved = view.astype(np.float64) - view.mean(axis=0)
    return _correlation(moved[..., :-1], moved[..., 1:]) < SMOOTH


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / size) if size else 0.0
