"""Networks for tables: numbers and categories as embeddings, or as tokens of a transformer.

Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning",
NeurIPS 2022; Gorishniy, Rubachev, Khrulkov and Babenko, "Revisiting deep learning models for
tabular data", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

import torch
from torch import Tensor, nn

from armtune.nn.attention import TransformerLayer
from armtune.nn.layers import Init, LayerNorm


class Embedded(nn.Module):
    """Columns of ``(member, sample, number)`` as embeddings, one after another.

    A number x becomes itself and relu(W [sin 2πcx, cos 2πcx] + b), with frequencies c, W and b of
    its own, all learnt. A category, which is as many numbers as it has places, becomes a learnt
    vector.

    Args:
        blocks: how many numbers each column has: 1 is a number's, more are a category's.
        size: of an embedding.
        frequencies: of each number.
        spread: standard deviation of these at the start.

    Attributes:
        width: how many features there are.
    """

    def __init__(
        self, blocks: Sequence[int], size: int, frequencies: int, spread: float, init: Init
    ) -> None:
        super().__init__()
        self.blocks = list(blocks)
        numbers = sum(block == 1 for block in blocks)
        wide = [block for block in blocks if block > 1]
        self.categories = nn.ParameterList(
            init.uniform(1 / sqrt(size), block, size) for block in wide
        )
        self.width = len(wide) * size
        if numbers:
            bound = 1 / sqrt(2 * frequencies)
            self.frequencies = init.uniform(spread * sqrt(3), 1, numbers, frequencies)
            self.weight = init.uniform(bound, numbers, 2 * frequencies, size)
            self.bias = init.uniform(bound, numbers, 1, size)
            self.width += numbers * (size + 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(member, sample, feature)``."""
        plain, wide = apart(x, self.blocks)
        found = [column @ table for column, table in zip(wide, self.categories, strict=True)]
        if plain is not None:
            found += [plain, self._periodic(plain)]
        return torch.cat(found, dim=-1)

    def _periodic(self, x: Tensor) -> Tensor:
        turns = 2 * pi * x.unsqueeze(-1) * self.frequencies
        waves = torch.cat([turns.sin(), turns.cos()], dim=-1).transpose(1, 2)
        return (waves @ self.weight + self.bias).relu().transpose(1, 2).flatten(2)


class Tokens(nn.Module):
    """Columns of ``(member, sample, number)`` as tokens ``(member, sample, token, feature)``.

    A number times a learnt vector, or a category's learnt vector; each plus its column's own.

    Args:
        blocks: how many numbers each column has: 1 is a number's, more are a category's.
        size: of a token.
    """

    def __init__(self, blocks: Sequence[int], size: int, init: Init) -> None:
        super().__init__()
        self.blocks = list(blocks)
        bound = 1 / sqrt(size)
        numbers = sum(block == 1 for block in blocks)
        self.weight = init.uniform(bound, 1, numbers, size) if numbers else None
        self.categories = nn.ParameterList(
            init.uniform(bound, block, size) for block in blocks if block > 1
        )
        self.bias = init.uniform(bound, 1, len(self.blocks), size)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of the numbers first, then of the categories."""
        plain, wide = apart(x, self.blocks)
        pairs = zip(wide, self.categories, strict=True)
        found = [(column @ table).unsqueeze(2) for column, table in pairs]
        if plain is not None and self.weight is not None:
            found.insert(0, plain.unsqueeze(-1) * self.weight)
        return torch.cat(found, dim=2) + self.bias


class FtTransformer(nn.Module):
    """What a further token hears of a sample's columns, ``(member, sample, number)`` to features.

    As in the paper, the first layer's attention hears tokens that aren't normalised. Layers are
    ``TransformerLayer``'s, whose perceptron is of GELUs, not of the paper's gated units.

    Args:
        blocks: see ``Tokens``.
        layers: how many there are.
        heads: number of attention heads, and features of a head.
    """

    def __init__(
        self, blocks: Sequence[int], layers: int, heads: tuple[int, int], init: Init
    ) -> None:
        super().__init__()
        size = heads[0] * heads[1]
        self.tokens = Tokens(blocks, size, init)
        self.hearer = init.uniform(1 / sqrt(size), 1, 1, size)
        self.layers = nn.ModuleList(
            TransformerLayer(*heads, init, normed=number > 0) for number in range(layers)
        )
        self.norm = LayerNorm(size, init)

    def forward(self, x: Tensor) -> Tensor:
        own = self.tokens(x)
        rows = torch.cat([self.hearer.expand(-1, own.shape[1], -1, -1), own], dim=2)
        count = rows.shape[2]
        rows = rows.flatten(1, 2)
        for layer in self.layers:
            rows = layer(rows, count)
        heard = rows.unflatten(1, (-1, count))[:, :, 0]
        features: Tensor = self.norm(heard).relu()
        return features


def apart(x: Tensor, blocks: Sequence[int]) -> tuple[Tensor | None, list[Tensor]]:
    """Columns of numbers together, None without any, and those of categories each."""
    columns = x.split(list(blocks), dim=-1)
    plain = [column for column in columns if column.shape[-1] == 1]
    wide = [column for column in columns if column.shape[-1] > 1]
    return (torch.cat(plain, dim=-1) if plain else None), wide
