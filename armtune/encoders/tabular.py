"""Embeddings of a table's numbers and categories, and a perceptron on them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from armtune.data.standardize import Scaling
from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Tabular(Encoder):
    """Embeddings of categories, periodic embeddings of numbers, and a perceptron on them.

    For vectors that a table's columns became (Gorishniy et al., NeurIPS 2022). Numbers are
    standardised; features that are only ever 0 and 1 stay as they are.
    """

    name: Literal["tabular"] = "tabular"
    blocks: list[Annotated[int, Field(ge=1)]] = Field(default_factory=list)
    """How many numbers each column has, a category's as many as it has places; all are single
    numbers where it is left out. ``encoder: auto`` fills it in."""
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

    @property
    def scaling(self) -> Scaling:
        return "binary_kept"

    def misfit(self, shape: tuple[int, ...]) -> str:
        if len(shape) != 1:
            return f"{self.name} reads vectors (number,), not {shape}"
        if self.blocks and sum(self.blocks) != shape[0]:
            said = f"its blocks have {sum(self.blocks)} numbers, samples {shape[0]}"
            return f"{self.name}: {said}; leave blocks out, or let encoder: auto fill them in"
        return ""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn import layers, tabular

        blocks = self.blocks or [1] * shape[0]
        first = tabular.Embedded(blocks, self.embedding, self.frequencies, self.spread, init)
        if not self.depth:
            return layers.Sequential(
                first, layers.Linear(first.width, self.width, init)
            ), self.width
        steps: list[nn.Module] = [first]
        for size_in, size_out in pairwise([first.width, *[self.width] * self.depth]):
            steps += [layers.Linear(size_in, size_out, init), layers.Relu()]
        return layers.Sequential(*steps), self.width
