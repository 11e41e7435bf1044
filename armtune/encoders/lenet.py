"""LeNet-like convolutional network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class LeNet(Encoder):
    """Two convolutions with pooling and a linear layer, for images and spectrograms."""

    name: Literal["lenet"] = "lenet"
    width: int = Field(8, ge=1)
    """Channels of the first convolution; the second has twice as many."""
    features: int = Field(64, ge=1)
    """Number of features."""
    kernel: int = Field(5, ge=1)
    """Side of the convolution windows, in pixels."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        if len(shape) in (2, 3):
            return ""
        return f"{self.name} reads images (height, width) or (channel, height, width), not {shape}"

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn import layers

        channels, height, width = (1, *shape)[-3:]
        steps: list[nn.Module] = [layers.AddChannel()] if len(shape) == 2 else []
        for size_out in (self.width, 2 * self.width):
            convolution = layers.Conv2d(channels, size_out, self.kernel, init)
            # Pooled first, so that a quarter is left to rectify: the largest stays the largest.
            steps += [convolution, layers.MaxPool2d(2), layers.Relu()]
            channels, height, width = size_out, max(height // 2, 1), max(width // 2, 1)
        flat = channels * height * width
        steps += [layers.Flatten(), layers.Linear(flat, self.features, init), layers.Relu()]
        return layers.Sequential(*steps), self.features
