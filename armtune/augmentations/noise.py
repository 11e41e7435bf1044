"""Gaussian noise on every number of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import for_samples

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws


class Noise(Augmentation):
    """Adds Gaussian noise to every number: of vectors, sequences, sounds and pictures."""

    standardized: ClassVar[bool] = True

    name: Literal["noise"] = "noise"
    scale: float = Field(0.1, ge=0)
    """Standard deviation of the noise, in those that samples are standardised by."""

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        return view + for_samples(knobs["scale"], view) * draws.normal(*view.shape[2:])
