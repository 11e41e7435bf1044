"""SpecAugment: masked bands and moments of spectrograms (Park et al., Interspeech 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import along
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws

MASKS = 2
"""Masks along each axis."""


class SpecAugment(Augmentation):
    """Puts the training samples' mean in place of two ranges of bands and two of moments.

    After Park et al. (2019), without warping of time; for spectrograms (band, time).
    """

    standardized: ClassVar[bool] = True

    name: Literal["spec_augment"] = "spec_augment"
    bands: float = Field(0.2, ge=0, le=1)
    """Largest share of the bands that a mask takes."""
    time: float = Field(0.2, ge=0, le=1)
    """Largest share of the time that a mask takes."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        if len(shape) in (2, 3):
            return ""
        said = "changes spectrograms (band, time) or (channel, band, time)"
        return f"{self.name} {said}, not {shape}"

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        uniform = draws.uniform(2, MASKS, 2).unbind(2)
        for axis, name, own in zip((-2, -1), ("bands", "time"), uniform, strict=True):
            size = view.shape[axis]
            most = (knobs[name] * size).floor().unsqueeze(2)
            width = (own[..., 0] * (most + 1)).floor()
            first = (own[..., 1] * (size - width + 1)).floor()
            places = torch.arange(size, device=view.device)
            begun, over = (edge.unsqueeze(3) <= places for edge in (first, first + width))
            view = view.masked_fill(along((begun & ~over).any(2), axis, view), 0)
        return view
