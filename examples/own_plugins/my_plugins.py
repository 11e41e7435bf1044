"""An encoder, a metric and a data set of one's own, which recipe.yaml beside this file names.

Torch is imported where it is needed, not at the top: `armtune check` runs this file too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from armtune.data import Dataset, Progress, Split
from armtune.datasets import Data
from armtune.encoders import Encoder
from armtune.metrics import Measure
from armtune.targets.classes import Classes

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.nn.layers import Init


class GatedLinear(Encoder):
    """A linear layer whose outputs are scaled by gates of their own, for any shape."""

    name: Literal["gated_linear"] = "gated_linear"
    width: int = Field(32, ge=1)
    """Number of features."""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        import torch

        from armtune.nn import layers

        class Gated(torch.nn.Module):
            def __init__(self, size: int, width: int) -> None:
                super().__init__()
                self.flat = layers.Flatten()
                self.value = layers.Linear(size, width, init)
                self.gate = layers.Linear(size, width, init)

            def forward(self, x: Tensor) -> Tensor:
                flat = self.flat(x)
                return self.value(flat) * self.gate(flat).sigmoid()

        return Gated(prod(shape), self.width), self.width


class Distance(Measure):
    """Mean squared distance of the probabilities from the truth; lower is better."""

    name: Literal["distance"] = "distance"

    def value(self, logits: Tensor, labels: Tensor) -> float:
        from torch.nn.functional import one_hot

        truth = one_hot(labels, logits.shape[-1])
        return float((logits.double().softmax(-1) - truth).square().sum(-1).mean())


class Clouds(Data):
    """Gaussian clouds around a centre for each class; the second modality is the noisier."""

    name: Literal["clouds"] = "clouds"
    samples: int = Field(600, ge=30)
    """Number of samples: two thirds to train, a sixth each to validate and to test."""
    noise: float = Field(2.0, gt=0)
    """Standard deviation of the second modality's noise; that of the first is 1."""

    def modalities(self) -> tuple[str, ...]:
        return ("left", "right")

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        rng = np.random.default_rng(0)
        labels = np.arange(self.samples, dtype=np.int64) % 4
        noise = {"left": 1.0, "right": self.noise}
        centres = {m: rng.normal(size=(4, 8)) for m in noise}
        draws = {
            m: centres[m][labels] + s * rng.normal(size=(len(labels), 8)) for m, s in noise.items()
        }
        views = {m: draws[m].astype(np.float32) for m in modalities}
        first, second = self.samples * 2 // 3, self.samples * 5 // 6
        parts = (slice(0, first), slice(first, second), slice(second, None))
        train, validation, test = (
            Split({m: v[p] for m, v in views.items()}, labels[p]) for p in parts
        )
        return Dataset(
            name=self.name,
            description=f"{self.samples} samples in four clouds, noise {self.noise:g}",
            target=Classes(("north", "east", "south", "west")),
            train=train,
            validation=validation,
            test=test,
            digest=hashlib.sha256(self.model_dump_json().encode()).hexdigest(),
        )
