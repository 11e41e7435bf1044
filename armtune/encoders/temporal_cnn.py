r"""Temporal convolutional network: dilated convolutions over time.

After Bai et al. (2018), An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
Sequence Modeling, with a view of both sides of a moment, since whole sequences are at hand:

.. math:: h \leftarrow h + \operatorname{relu}(\operatorname{norm}(C_k h)), \qquad
    \text{dilation of } C_k = 2^k

The features are the mean over time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.encoders._sequences import SequenceEncoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class TemporalCnn(SequenceEncoder):
    """Dilated convolutions over time, averaged; for sequences (time, channel, …)."""

    name: Literal["temporal_cnn"] = "temporal_cnn"
    width: int = Field(64, ge=1)
    """Channels, and features."""
    depth: int = Field(4, ge=1, le=1000)
    """Number of convolutions; each reaches twice as far as the last."""
    kernel: int = Field(3, ge=1)
    """Length of the convolution windows."""
    center: bool = False
    """Takes each channel's mean over time off each sample: what moves stays, not where it is."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.temporal import SequenceCnn

        module = SequenceCnn(
            self.channels(shape, self.width),
            self.width,
            self.depth,
            self.kernel,
            init,
            center=self.center,
            padded=self.masks,
        )
        return self.embedded(module, self.width, init), self.width
