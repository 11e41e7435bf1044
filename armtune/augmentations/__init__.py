"""Augmentations: training samples changed by chance, each time anew. One file an augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from armtune.plugins.options import Options

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.nn.random_streams import Draws

Knobs = Mapping[str, "Tensor"]
"""Every numeric option of each member, ``(member, 1)``."""


class Augmentation(Options):
    """Options of an augmentation and how to change samples by it.

    It sees batches of the training split only, on the training's device.
    """

    standardized: ClassVar[bool] = False
    """Whether it changes samples once they are standardised: 0 is a feature's mean over the
    training samples, and 1 its deviation. Else it changes them as the data set gives them, before.
    """
    tokens: ClassVar[bool] = False
    """Whether it changes token numbers. Else it changes all but those."""

    name: str

    def misfit(self, shape: tuple[int, ...]) -> str:
        """Why this augmentation can't change samples of a shape, and which it can; empty if it can.

        Asked before anything is trained, without torch.
        """
        return ""

    def change(self, view: Tensor, knobs: Knobs, draws: Draws) -> Tensor:
        """Samples in place of others, ``(member, sample, *shape)`` both; the given ones stay.

        Called once a step for all members and samples. A member's samples follow from its own
        samples, knobs and draws; options that are no numbers are the same for all members.
        """
        raise NotImplementedError
