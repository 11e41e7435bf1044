"""Numbers and categories as embeddings: what networks for tables begin with.

Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning",
NeurIPS 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt

import torch
from torch import Tensor, nn

from armtune.nn.layers import Init


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
        self.numbers = numbers
        if numbers:
            bound = 1 / sqrt(2 * frequencies)
            self.frequencies = init.uniform(spread * sqrt(3), 1, numbers, frequencies)
            self.weight = init.uniform(bound, numbers, 2 * frequencies, size)
            self.bias = init.uniform(bound, numbers, 1, size)
            self.width += numbers * (size + 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(member, sample, feature)``."""
        columns = x.split(self.blocks, dim=-1)
        wide = [column for column in columns if column.shape[-1] > 1]
        found = [column @ table for column, table in zip(wide, self.categories, strict=True)]
        if self.numbers:
            plain = torch.cat([column for column in columns if column.shape[-1] == 1], dim=-1)
            found += [plain, self._periodic(plain)]
        return torch.cat(found, dim=-1)

    def _periodic(self, x: Tensor) -> Tensor:
        turns = 2 * pi * x.unsqueeze(-1) * self.frequencies
        waves = torch.cat([turns.sin(), turns.cos()], dim=-1).transpose(1, 2)
        return (waves @ self.weight + self.bias).relu().transpose(1, 2).flatten(2)
