"""Brightness, contrast and saturation of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import for_samples, not_a_picture

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws

GREY = (0.299, 0.587, 0.114)
"""What red, green and blue count for in a grey value (ITU-R BT.601)."""


class Color(Augmentation):
    """Brightness, contrast and saturation of a picture, each times a factor around 1.

    Values are multiplied as they are, 0 being black, and aren't cut off. Saturation is that of
    pictures with three channels.
    """

    name: Literal["color"] = "color"
    brightness: float = Field(0.2, ge=0, le=1)
    """By how much brightness differs from 1 at most."""
    contrast: float = Field(0.2, ge=0, le=1)
    """By how much contrast differs from 1 at most."""
    saturation: float = Field(0.2, ge=0, le=1)
    """By how much saturation differs from 1 at most."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        return not_a_picture(self.name, shape)

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        by = (2 * draws.uniform(3) - 1).unbind(2)
        view = view * for_samples(1 + by[0] * knobs["brightness"], view)
        mean = view.mean(tuple(range(2, view.ndim)), keepdim=True)
        view = mean + (view - mean) * for_samples(1 + by[1] * knobs["contrast"], view)
        if view.ndim < 5 or view.shape[-3] != len(GREY):
            return view
        weights = view.new_tensor(GREY).reshape(-1, 1, 1)
        grey = (view * weights).sum(-3, keepdim=True)
        return grey + (view - grey) * for_samples(1 + by[2] * knobs["saturation"], view)
