"""Embeddings of a table's numbers and categories, and a perceptron on them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders._columns import ColumnEncoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Tabular(ColumnEncoder):
    """Embeddings of categories, periodic embeddings of numbers, and a perceptron on them.

    For vectors that a table's columns became (Gorishniy et al., NeurIPS 2022). Numbers are
    standardised; features that are only ever 0 and 1 stay as they are.
    """

    name: Literal["tabular"] = "tabular"
    embedding: int = Field(8, ge=1)
    """Length of an embedding."""
    frequencies: int = Field(8, ge=1)
    """Frequencies of each number."""
    spread: float = Field(0.1, gt=0)
    """Standard deviation of the frequencies at the start."""
    width: int = Field(64, ge=1)
    """Units a layer, and features."""
    depth: int = Field(2, ge=0)
    """Number of rectified layers; 0 for a single linear layer."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn import layers, tabular

        blocks = self.columns(shape)
        first = tabular.Embedded(blocks, self.embedding, self.frequencies, self.spread, init)
        if not self.depth:
            return layers.Sequential(
                first, layers.Linear(first.width, self.width, init)
            ), self.width
        steps: list[nn.Module] = [first]
        for size_in, size_out in pairwise([first.width, *[self.width] * self.depth]):
            steps += [layers.Linear(size_in, size_out, init), layers.Relu()]
        return layers.Sequential(*steps), self.width
