"""Any module of torch as an encoder: the base of plug-ins that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.encoders import Encoder
from armtune.plugins.blame import blaming

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class ModuleEncoder(Encoder):
    """Base of encoders that are a module of torch, which needs to know no member axis.

    A subclass has a ``name`` and a method ``module``.
    """

    standardize: ClassVar[bool] = False
    """The module gets samples as the data set gives them, such as pixels from 0 to 255."""

    tuning: Literal["frozen", "full"] = "full"
    """Whether the module stays as it is made, or is trained."""
    width: int = Field(0, ge=0)
    """Units of the rectified layers that follow, and features; 0 for the module's own features."""
    depth: int = Field(1, ge=0, le=1000)
    """Number of those layers; 0 for a linear one."""

    def module(self, shape: tuple[int, ...]) -> nn.Module:
        """The module, from ``(sample, *shape)`` to ``(sample, feature)``.

        First weights that it draws from torch's own random numbers differ by the training's seed;
        those of a frozen one don't.
        """
        raise NotImplementedError

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.layers import Sequential
        from armtune.nn.wrapped import wrap

        if self.tuning == "frozen":
            return super().build(shape, init)
        with blaming(type(self).module):
            first, size = wrap(lambda: self.module(shape), shape, init)
        then, size = self.then.build((size,), init)
        return Sequential(first, then), size
