r"""Temporal convolutional network: dilated convolutions over time.

After Bai et al. (2018), An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
Sequence Modeling, with a view of both sides of a moment, since whole sequences are at hand:

.. math:: h \leftarrow h + \operatorname{relu}(\operatorname{norm}(C_k h)), \qquad
    \text{dilation of } C_k = 2^k

The features are the mean over time.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.layers import Init


class TemporalCnn(Encoder):
    """Dilated convolutions over time, averaged; for sequences (time, channel, …)."""

    name: Literal["temporal_cnn"] = "temporal_cnn"
    width: int = Field(64, ge=1)
    """Channels, and features."""
    depth: int = Field(4, ge=1)
    """Number of convolutions; each reaches twice as far as the last."""
    kernel: int = Field(3, ge=1)
    """Length of the convolution windows."""
    center: bool = False
    """Takes each channel's mean over time off each sample: what moves stays, not where it is."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune import layers

        if len(shape) < 2:
            raise ValueError(f"temporal_cnn reads sequences (time, channel, …), not {shape}")
        channels = prod(shape[1:])
        steps: list[nn.Module] = [layers.CenterTime()] if self.center else []
        steps += [layers.Transpose(), layers.Conv1d(channels, self.width, 1, init)]
        for number in range(self.depth):
            conv = layers.Conv1d(self.width, self.width, self.kernel, init, dilation=2**number)
            steps += [layers.Composed(residual, conv, layers.GroupNorm(self.width, init, 8))]
        steps += [layers.Transpose(), layers.MeanOverTime()]
        return layers.Sequential(*steps), self.width


def residual(x: Tensor, conv: nn.Module, norm: nn.Module) -> Tensor:
    """One convolution beside its input."""
    return x + norm(conv(x)).relu()
