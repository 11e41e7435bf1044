"""What encoders of a table's columns have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from armtune.data.standardize import Scaling
from armtune.encoders import Encoder


class ColumnEncoder(Encoder):
    """Options of an encoder of vectors that a table's columns became."""

    blocks: list[Annotated[int, Field(ge=1)]] = Field(default_factory=list)
    """How many numbers each column has, a category's as many as it has places; all are single
    numbers where it is left out. ``encoder: auto`` fills it in."""

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

    def columns(self, shape: tuple[int, ...]) -> list[int]:
        """How many numbers each column of a sample has."""
        return self.blocks or [1] * shape[0]
