"""The encoder that a modality's shape asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from armtune.encoders import Encoder
from armtune.encoders.lenet import LeNet
from armtune.encoders.mlp import Mlp
from armtune.encoders.resnet import ResNet18
from armtune.encoders.temporal_cnn import TemporalCnn

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init

SMALL_IMAGE = 48
"""Longest side of images that two convolutions see enough of."""
LARGE_IMAGE = 128
"""Shortest side of images that are quartered before anything else."""
CHANNELS = 4
"""Most channels of an image; more are steps of a sequence."""


class Auto(Encoder):
    """What the shape asks for: `mlp`, `temporal_cnn`, `lenet` or `resnet18`, or `embedding_bag`.

    It becomes one of these as soon as the data are known, and recipes of runs name that one.
    """

    name: Literal["auto"] = "auto"

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        return encoder_for(shape).build(shape, init)


MOST_COMPONENTS = 512
"""Principal components that a vector is reduced to at most."""
SAMPLES_A_COMPONENT = 3
"""Training samples for each of them: with fewer, a component is a few samples' own direction, of
which the others say nothing."""


def encoder_for(
    shape: tuple[int, ...], sequence: bool = False, samples: int | None = None
) -> Encoder:
    """The encoder that a shape asks for.

    Args:
        shape: of a sample.
        samples: number of training samples, where it is known.
        sequence: whether the first of two axes is time, where that is known; as a rule they are an
            image's if they are equal.
    """
    if len(shape) == 1:
        told = MOST_COMPONENTS
        if samples is not None:
            told = max(1, min(told, samples // SAMPLES_A_COMPONENT))
        return Mlp(components=told if shape[0] > 2 * told else 0)
    if len(shape) == 4:
        return _residual(shape)
    if len(shape) == 2 and (sequence or shape[0] != shape[1]):
        return TemporalCnn()
    if len(shape) == 3 and shape[0] > CHANNELS:
        return TemporalCnn()
    if len(shape) in (2, 3):
        return LeNet() if max(shape[-2:]) <= SMALL_IMAGE else _residual(shape)
    return Mlp()


def _residual(shape: tuple[int, ...]) -> Encoder:
    """A residual network of half the usual width; a LeNet or MLP where images are too small."""
    stem: Literal["imagenet", "small"] = "imagenet" if min(shape[-2:]) >= LARGE_IMAGE else "small"
    network = ResNet18(width=32, stem=stem)
    able = (network, LeNet(), Mlp())
    return next(encoder for encoder in able if not encoder.misfit(shape))
