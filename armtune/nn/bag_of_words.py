"""Words weighed by how rare they are, into a linear layer."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from armtune.nn.layers import Embedding, Init

TINY = 1e-12
"""Length of a sample without a known word."""


class BagOfWords(Embedding):
    """TF-IDF of a sample's words, of length 1, times a matrix: ``(member, sample, token)`` to
    features.

    Numbers are read as by ``Embedding``.

    Buffers:
        idf: weight of each word, ``(member, word)``: 1 + log((1 + n) / (1 + k)), where k of n
            training samples have it.
    """

    idf: Tensor

    def __init__(self, vocabulary: int, size: int, init: Init) -> None:
        # As of a linear layer: features of a sample have the length 1.
        super().__init__(vocabulary, size, init, 1 / sqrt(vocabulary))
        self.bias = init.constant(0.0, 1, size)
        self.register_buffer("idf", torch.ones(init.members, vocabulary, dtype=init.dtype))

    def fit(self, parts: Iterable[NDArray[np.float32]]) -> None:
        """Sets the words' weights by the training samples, ``(sample, token)`` some at a time."""
        found, samples = np.zeros(self.vocabulary + 1), 0
        for part in parts:
            words = np.sort(part.astype(np.int64).clip(0, self.vocabulary), axis=1)
            first = np.diff(words, axis=1, prepend=-1) > 0
            found += np.bincount(words[first], minlength=len(found))
            samples += len(part)
        idf = 1 + np.log((1 + samples) / (1 + found[1:]))
        self.idf.copy_(torch.from_numpy(idf))

    def forward(self, x: Tensor) -> Tensor:
        """``(member, sample, feature)``."""
        rows, table = self.rows(x)
        weights = F.embedding(rows, F.pad(self.idf.reshape(-1, 1), (0, 0, 1, 0))).squeeze(-1)
        # Of a word that comes several times, each place counts its number of times.
        times = (rows.unsqueeze(-1) == rows.unsqueeze(-2)).sum(-1)
        length = (times * weights * weights).sum(-1, keepdim=True).sqrt()
        shares = weights / length.clamp(min=TINY)
        found = shares.unsqueeze(-2) @ F.embedding(rows, table, padding_idx=0)
        return found.squeeze(-2).unflatten(0, x.shape[:2]) + self.bias
