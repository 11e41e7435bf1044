"""Modules of torch as encoders, as a user's file has them."""

from __future__ import annotations

from typing import Literal

from torch import nn

from armtune.encoders.module import ModuleEncoder


class Small(ModuleEncoder):
    """A convolution with batch norm and dropout."""

    name: Literal["small_module"] = "small_module"
    rate: float = 0.25

    def misfit(self, shape):
        return "" if len(shape) == 3 else f"{self.name} reads images, not {shape}"

    def module(self, shape):
        return nn.Sequential(
            nn.Conv2d(shape[0], 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Dropout(self.rate),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )


class Plain(ModuleEncoder):
    """Two linear layers."""

    name: Literal["plain_module"] = "plain_module"

    def module(self, shape):
        size = 1
        for extent in shape:
            size *= extent
        return nn.Sequential(nn.Flatten(), nn.Linear(size, 7), nn.Tanh(), nn.Linear(7, 5))


class Scaled(Plain):
    """The same on samples of mean 0 and standard deviation 1."""

    standardize = True

    name: Literal["scaled_module"] = "scaled_module"
