"""Texts without some of their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws


class TokenDropout(Augmentation):
    """Leaves tokens out: each becomes 0, which is padding, and encoders pass over it."""

    tokens: ClassVar[bool] = True

    name: Literal["token_dropout"] = "token_dropout"
    probability: float = Field(0.1, ge=0, le=1)
    """Share of the tokens that are left out."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        return "" if len(shape) == 1 else f"{self.name} changes tokens (token,), not {shape}"

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        dropped = draws.uniform(*view.shape[2:]) < knobs["probability"].unsqueeze(2)
        return torch.where(dropped, 0, view)
