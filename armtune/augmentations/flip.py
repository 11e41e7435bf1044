"""Pictures seen in a mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import for_samples, not_a_picture
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws


class Flip(Augmentation):
    """Swaps left and right of a picture; not for letters, digits and spectrograms."""

    name: Literal["flip"] = "flip"
    probability: float = Field(0.5, ge=0, le=1)
    """Share of the samples that are flipped."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        return not_a_picture(self.name, shape)

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        flipped = draws.uniform() < knobs["probability"]
        return torch.where(for_samples(flipped, view), view.flip(-1), view)
