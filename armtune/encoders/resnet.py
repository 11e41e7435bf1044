"""Residual networks for images, spectrograms and frames of films."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.encoders import Encoder
from armtune.nn.image_shapes import LEAST, values_of
from armtune.plugins.options import Options

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.nn.layers import Init


class _Residual(Options):
    """What residual networks of all depths have in common."""

    blocks: ClassVar[tuple[int, ...]]

    name: str
    width: int = Field(64, ge=1)
    """Channels of the first stage; each of the three others has twice the last one's."""
    stem: Literal["imagenet", "small"] = "imagenet"
    """How images are first read: quartered by a stride and pooling, or as they are."""
    norm: Literal["group", "frozen"] = "group"
    """Group norm, or the batch norm of pretrained ``weights``, its statistics folded in."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        if len(shape) not in (2, 3, 4):
            return (
                f"{self.name} reads images (height, width) or (channel, height, width), or their "
                f"frames (frame, channel, height, width), not {shape}"
            )
        if self.norm == "frozen" or self._enough(shape):
            return ""
        smallest = next(side for side in count(1) if self._enough((side, side)))
        return (
            f"{self.name} of width {self.width} with the stem {self.stem} and group norm reads "
            f"images of {smallest} × {smallest} and more, not {shape[-2]} × {shape[-1]}"
        )

    def _enough(self, shape: tuple[int, ...]) -> bool:
        """Whether images shrink to something that can still be normalised over."""
        return min(values_of(shape, self.width, len(self.blocks), self.stem)) >= LEAST

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.resnet import ResNet

        network = ResNet(shape, self.width, self.blocks, self.stem, self.norm, init)
        return network, self.width * 2 ** (len(self.blocks) - 1)

    def adapt(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        from armtune.nn.resnet import fold_statistics

        return fold_statistics(tensors)


class ResNet18(_Residual, Encoder):
    """Residual network of 18 layers (He et al., CVPR 2016); frames of a film are averaged."""

    blocks = (2, 2, 2, 2)

    name: Literal["resnet18"] = "resnet18"


class ResNet34(_Residual, Encoder):
    """Residual network of 34 layers (He et al., CVPR 2016); frames of a film are averaged."""

    blocks = (3, 4, 6, 3)

    name: Literal["resnet34"] = "resnet34"
