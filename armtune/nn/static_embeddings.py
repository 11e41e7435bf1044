"""Pretrained vectors of tokens, from a safetensors file, and their mean over a text.

The files of model2vec, of sentence-transformers' static models and of wordllama are read: a table
``embeddings`` or ``embedding.weight``, and, where model2vec has shrunk a vocabulary, ``mapping``
from tokens to rows and ``weights`` of tokens.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from armtune.errors import DataError
from armtune.nn.layers import EmbeddingBag, Init
from armtune.nn.vector_files import TABLES


def read_vectors(path: Path) -> Tensor:
    """A vector for each token, ``(token, feature)``, with a root mean square of 1 over them all.

    Raises:
        DataError: the file is no safetensors, or has no such table; names it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            parts = {
                name: file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 (it is no mapping)
                if name in (*TABLES, "weights", "mapping")
            }
            there = sorted(file.keys())
    except (OSError, SafetensorError) as error:
        said = "only safetensors are read, no pickles"
        raise DataError(f"{path}: can't be read as safetensors ({error}); {said}") from error
    table = next((parts[name] for name in TABLES if name in parts), None)
    if table is None:
        said = f"has no tensor {' or '.join(TABLES)}, but {', '.join(there[:5]) or 'none'}"
        raise DataError(f"{path}: {said}")
    if table.dim() != 2 or not table.numel():
        raise DataError(f"{path}: its table has shape {tuple(table.shape)}, not (token, feature)")
    vectors = _unshrunk(path, table.float(), parts)
    if not vectors.isfinite().all():
        raise DataError(f"{path}: its table holds numbers that aren't finite")
    return vectors / vectors.square().mean().sqrt().clamp(min=1e-12)


def _unshrunk(path: Path, table: Tensor, parts: dict[str, Tensor]) -> Tensor:
    """The table with a row for each token, weighed.

    Raises:
        DataError: the mapping names rows that aren't there, or there are other weights than tokens.
    """
    mapping, weights = parts.get("mapping"), parts.get("weights")
    if mapping is not None:
        rows = mapping.long().flatten()
        if rows.numel() and not 0 <= int(rows.min()) <= int(rows.max()) < len(table):
            raise DataError(f"{path}: its mapping leads to rows outside of {len(table)}")
        table = table[rows]
    if weights is None:
        return table
    if weights.numel() != len(table):
        raise DataError(f"{path}: has {weights.numel()} weights for {len(table)} tokens")
    return table * weights.float().reshape(-1, 1)


def check_numbers(highest: float, vectors: int, path: Path) -> None:
    """Refuses numbers of tokens that have no vector.

    Raises:
        DataError: there are some; the file belongs to another tokenizer.
    """
    if highest > vectors:
        said = f"has vectors of {vectors} tokens, samples name token {int(highest)}"
        raise DataError(f"{path}: {said}: it belongs to another tokenizer")


class MeanVectors(nn.Module):
    """Mean vector of a sample's tokens, ``(sample, token)`` to ``(sample, feature)``.

    Numbers count from 1; 0 is padding and counts for nothing. A sample of padding alone is zeros.

    Args:
        vectors: ``(token, feature)``.
        path: where they are from, for messages.
    """

    table: Tensor

    def __init__(self, vectors: Tensor, path: Path) -> None:
        super().__init__()
        self.path = path
        self.register_buffer("table", F.pad(vectors, (0, 0, 1, 0)))

    def forward(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            check_numbers(float(x.max()) if x.numel() else 0, len(self.table) - 1, self.path)
        ids = x.long().clamp(0, len(self.table) - 1)
        return F.embedding_bag(ids, self.table, mode="mean", padding_idx=0)


class TrainedVectors(EmbeddingBag):
    """The same with vectors that each member trains, ``(member, sample, token)`` to features."""

    def __init__(self, vectors: Tensor, init: Init) -> None:
        nn.Module.__init__(self)
        self.vocabulary, self.token_width = vectors.shape
        self.weight = nn.Parameter(vectors.to(init.dtype).repeat(init.members, 1, 1))
