"""Sounds that begin earlier or later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import moved, not_a_sound
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws


class Shift(Augmentation):
    """Moves a sound in time; what leaves at one end comes in at the other."""

    name: Literal["shift"] = "shift"
    share: float = Field(0.1, ge=0, le=1)
    """Largest share of its length by which it is moved, either way."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        return not_a_sound(self.name, shape)

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        length = view.shape[-1]
        offset = ((2 * draws.uniform() - 1) * knobs["share"] * length).round().long()
        places = torch.arange(length, device=view.device) - offset.unsqueeze(2)
        return moved(view, places % length, -1)
