"""Random erasing: a rectangle of a picture goes (Zhong et al., AAAI 2020)."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import along, for_samples, not_a_picture
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws

SLIMMEST = 3.3
"""How many times as high as wide a rectangle is at most, or as wide as high."""


class Erasing(Augmentation):
    """Puts the training samples' mean in place of a rectangle of a picture (Zhong et al., 2020)."""

    standardized: ClassVar[bool] = True

    name: Literal["erasing"] = "erasing"
    probability: float = Field(0.5, ge=0, le=1)
    """Share of the samples that lose a rectangle."""
    area: float = Field(0.3, ge=0, le=1)
    """Largest share of a picture that a rectangle takes."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        return not_a_picture(self.name, shape)

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        acts, area, slim, *corner = draws.uniform(5).unbind(2)
        height, width = view.shape[-2:]
        pixels = area * knobs["area"] * height * width
        ratio = ((2 * slim - 1) * log(SLIMMEST)).exp()
        gone = for_samples(acts < knobs["probability"], view)
        for axis, share, side in ((-2, corner[0], pixels * ratio), (-1, corner[1], pixels / ratio)):
            places = torch.arange(view.shape[axis], device=view.device)
            long = side.sqrt().round().clamp_max(view.shape[axis])
            first = (share * (view.shape[axis] - long + 1)).floor()
            inside = (places >= first.unsqueeze(2)) & (places < (first + long).unsqueeze(2))
            gone = gone & along(inside, axis, view)
        return view.masked_fill(gone, 0)
