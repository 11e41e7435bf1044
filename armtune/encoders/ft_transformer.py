"""A token for each of a table's columns, and a transformer on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders._columns import ColumnEncoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class FtTransformer(ColumnEncoder):
    """A token for each column, and a transformer in which a further token hears them.

    For vectors that a table's columns became (FT-Transformer: Gorishniy et al., NeurIPS 2021).
    Numbers are standardised; features that are only ever 0 and 1 stay as they are.
    """

    name: Literal["ft_transformer"] = "ft_transformer"
    heads: int = Field(4, ge=1)
    """Attention heads."""
    head_width: int = Field(8, ge=1)
    """Units a head; a token, and the features, are heads times as many."""
    layers: int = Field(2, ge=1, le=1000)
    """Number of layers."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.tabular import FtTransformer

        heads = (self.heads, self.head_width)
        module = FtTransformer(self.columns(shape), self.layers, heads, init)
        return module, self.heads * self.head_width
