"""Louder and softer sounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.augmentations import Augmentation, Knobs
from armtune.augmentations._parts import for_samples, not_a_sound

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws


class Gain(Augmentation):
    """Makes a sound louder or softer: a wave is multiplied, the logarithm of its power raised."""

    name: Literal["gain"] = "gain"
    decibels: float = Field(6.0, ge=0)
    """Largest gain, either way."""
    values: Literal["auto", "wave", "log_power"] = "auto"
    """What samples are: waves, or log10 of power, as armtune's spectrograms are. ``auto`` takes
    (time,) for waves and (band, time) for spectrograms."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        return not_a_sound(self.name, shape)

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        gain = for_samples((2 * draws.uniform() - 1) * knobs["decibels"], view)
        wave = view.ndim == 3 if self.values == "auto" else self.values == "wave"
        return view * 10 ** (gain / 20) if wave else view + gain / 10
