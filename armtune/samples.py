"""A data set's samples as tensors on a device, scaled once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from armtune.data import Dataset, Split
from armtune.data.standardize import SCALINGS, Scaling, Standardization
from armtune.forward import Features
from armtune.recipe.schema import Recipe


class DeviceSplit:
    """A split's standardised views and labels as tensors on the training's device."""

    def __init__(
        self,
        split: Split,
        scales: Mapping[str, Standardization],
        device: str | torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.views: Features = {
            m: torch.from_numpy(scale.apply(split.views[m])).to(device, dtype)
            for m, scale in scales.items()
        }
        self.labels = torch.tensor(split.labels, device=device)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> tuple[Features, Tensor]:
        """Each member's own samples: views ``(member, sample, *shape)`` and labels."""
        flat = index.flatten()
        views = {
            m: view.index_select(0, flat).unflatten(0, tuple(index.shape))
            for m, view in self.views.items()
        }
        return views, self.labels[index]


class Samples:
    """What trainings on the same data share; they only read it.

    Args:
        recipe: says which views there are, and how their encoders want them scaled.
        dataset: the data; its test split is read by ``test`` only.
    """

    def __init__(
        self, recipe: Recipe, dataset: Dataset, device: str, dtype: torch.dtype = torch.float32
    ) -> None:
        self.dataset, self.device, self.dtype = dataset, device, dtype
        self.scalings = scalings(recipe)
        self.scales = {m: SCALINGS[how](dataset.train.views[m]) for m, how in self.scalings.items()}
        self.train = self._split(dataset.train)
        self.validation = self._split(dataset.validation)

    def test(self) -> DeviceSplit:
        """The test split, read anew."""
        return self._split(self.dataset.test)

    def serve(self, recipe: Recipe) -> bool:
        """Whether a recipe's training would make the same of the same data."""
        return self.scalings == scalings(recipe)

    def _split(self, split: Split) -> DeviceSplit:
        return DeviceSplit(split, self.scales, self.device, self.dtype)


def scalings(recipe: Recipe) -> dict[str, Scaling]:
    """How each view is scaled, as its encoder wants it."""
    return {m: modality.encoder.scaling for m, modality in recipe.modalities.items()}
