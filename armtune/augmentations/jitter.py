"""Sequences whose moments come a little early or late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import moved, whole
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws


class Jitter(Augmentation):
    """Takes each step of a sequence from one nearby: of features over time, or of a film."""

    name: Literal["jitter"] = "jitter"
    steps: int = Field(1, ge=0)
    """How far away in time a step is taken from at most."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        if len(shape) > 1:
            return ""
        return f"{self.name} changes sequences (time, channel, …), not {shape}"

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        length = view.shape[2]
        away = whole(draws.uniform(length), knobs["steps"].unsqueeze(2)).long()
        places = torch.arange(length, device=view.device) + away
        return moved(view, places.clamp(0, length - 1), 2)
