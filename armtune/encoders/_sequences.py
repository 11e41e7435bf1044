"""What encoders of sequences have in common: features or tokens over time, perhaps padded."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from pydantic import Field

from armtune.data.standardize import Scaling
from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class SequenceEncoder(Encoder):
    """Options of an encoder of sequences."""

    padded: bool = False
    """Passes over steps of zeros, as padding; features are scaled, not centred."""
    vocabulary: int = Field(0, ge=0)
    """Highest token number, for samples of token numbers from 1, padded with 0; 0 for features."""

    @property
    def scaling(self) -> Scaling:
        if self.vocabulary:
            return "unchanged"
        return "padded" if self.padded else "standardized"

    @property
    def masks(self) -> bool:
        """Whether steps of zeros are passed over: padding tokens always are."""
        return self.padded or self.vocabulary > 0

    @property
    def reads_tokens(self) -> bool:
        return self.vocabulary > 0

    def misfit(self, shape: tuple[int, ...]) -> str:
        if self.vocabulary and len(shape) != 1:
            return f"{self.name} with a vocabulary reads tokens (token,), not {shape}"
        if not self.vocabulary and len(shape) < 2:
            return (
                f"{self.name} reads sequences (time, channel, …), or tokens (token,) "
                f"with a vocabulary, not {shape}"
            )
        return ""

    def channels(self, shape: tuple[int, ...], width: int) -> int:
        """Features at a time, of which tokens have ``width``."""
        return width if self.vocabulary else prod(shape[1:])

    def embedded(self, module: nn.Module, width: int, init: Init) -> nn.Module:
        """The module on sequences, with tokens embedded first where there is a vocabulary."""
        from armtune.nn import layers

        if not self.vocabulary:
            return module
        return layers.Sequential(layers.Embedding(self.vocabulary, width, init), module)
