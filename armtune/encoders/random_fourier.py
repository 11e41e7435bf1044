"""Random Fourier features of flattened samples: a Gaussian kernel for linear layers."""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.data.standardize import Scaling
from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class RandomFourier(Encoder):
    """Random Fourier features of flattened samples, for any shape; nothing in it is trained.

    What comes after it sees samples as a Gaussian kernel compares them: with a linear fusion it is
    close to a support vector machine with that kernel, which few perceptrons beat on vectors.
    """

    name: Literal["random_fourier"] = "random_fourier"
    features: int = Field(512, ge=2, multiple_of=2)
    """Number of features; more estimate the kernel better."""
    bandwidth: float = Field(1.3, gt=0, allow_inf_nan=False)
    """Width of the kernel as a share of the typical distance between samples, which is the root of
    twice their number of inputs. Wide kernels are nearly linear, narrow ones remember samples."""
    components: int = Field(0, ge=0)
    """Principal components of the training samples that samples are reduced to before, as of
    `mlp`; 0 for none."""

    @property
    def scaling(self) -> Scaling:
        return self.components or "standardized"

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn import random_fourier

        size = prod(shape)
        width = self.bandwidth * sqrt(size)
        return random_fourier.RandomFourier(size, self.features, width, init), self.features
