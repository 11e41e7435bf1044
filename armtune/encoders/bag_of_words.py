"""Words weighed by how rare they are (TF-IDF), into a linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from armtune.data.rows import chunks
from armtune.encoders import Encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from armtune.nn.layers import Init


class BagOfWords(Encoder):
    """TF-IDF of a text's words into a linear layer, for samples of word numbers.

    Strong on short texts. Each word weighs more the fewer training samples have it; a sample's
    weights have the length 1. Numbers count from 1; 0 and below are padding.
    """

    standardize: ClassVar[bool] = False

    name: Literal["bag_of_words"] = "bag_of_words"
    vocabulary: int = Field(10000, ge=1)
    """Highest word number; higher ones are read as this one."""
    width: int = Field(64, ge=1)
    """Features."""

    @property
    def reads_tokens(self) -> bool:
        return True

    def misfit(self, shape: tuple[int, ...]) -> str:
        return "" if len(shape) == 1 else f"{self.name} reads word numbers (word,), not {shape}"

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn import bag_of_words

        return bag_of_words.BagOfWords(self.vocabulary, self.width, init), self.width

    def fit(
        self, module: nn.Module, view: NDArray[np.float32], present: NDArray[np.bool_] | None
    ) -> None:
        from armtune.nn import bag_of_words

        assert isinstance(module, bag_of_words.BagOfWords), "what build made"
        module.fit(chunks(view, present))
