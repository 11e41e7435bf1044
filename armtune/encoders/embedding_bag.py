"""Mean embedding of a text's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class EmbeddingBag(Encoder):
    """Mean of the tokens' learnt embeddings, for samples of token numbers.

    Numbers count from 1; 0 and below are padding and take no part. They are not standardised.
    """

    standardize: ClassVar[bool] = False

    name: Literal["embedding_bag"] = "embedding_bag"
    vocabulary: int = Field(10000, ge=1)
    """Highest token number; higher ones are read as this one."""
    width: int = Field(64, ge=1)
    """Length of an embedding, and features."""

    @property
    def reads_tokens(self) -> bool:
        return True

    def misfit(self, shape: tuple[int, ...]) -> str:
        return "" if len(shape) == 1 else f"{self.name} reads token numbers (token,), not {shape}"

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn import layers

        return layers.EmbeddingBag(self.vocabulary, self.width, init), self.width
