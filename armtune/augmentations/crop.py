"""Random crops of pictures that were widened by mirroring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import moved, not_a_picture, whole
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws


class Crop(Augmentation):
    """Moves a picture by a few pixels up or down and left or right; its edges are mirrored."""

    name: Literal["crop"] = "crop"
    pixels: int = Field(2, ge=0)
    """Pixels that it is moved by at most, each way."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        if said := not_a_picture(self.name, shape):
            return said
        side = min(shape[-2:])
        if self.pixels < side:
            return ""
        return f"{self.name} of {self.pixels} pixels leaves nothing of pictures of {side}"

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        offsets = whole(draws.uniform(2), knobs["pixels"].unsqueeze(2)).long()
        for axis, offset in zip((-2, -1), offsets.unbind(2), strict=True):
            size = view.shape[axis]
            places = torch.arange(size, device=view.device) + offset.unsqueeze(2)
            mirrored = (size - 1) - ((size - 1) - places.abs()).abs()
            view = moved(view, mirrored, axis)
        return view
