"""A data set's samples as tensors on a device, scaled once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from armtune.data import Dataset, Split
from armtune.data.standardize import SCALINGS, Scaling, Standardization
from armtune.forward import Batch, Features
from armtune.recipe.schema import Recipe


class DeviceSplit:
    """A split's standardised views and labels as tensors on the training's device.

    Attributes:
        views: ``(sample, *shape)``; zeros where a sample lacks the modality.
        labels: ``(sample, …)``, as the target has them.
        present: which samples have a modality, ``(sample,)``, of modalities that some lack.
    """

    def __init__(self, views: Features, labels: Tensor, present: Features | None = None) -> None:
        self.views, self.labels, self.present = views, labels, present or {}

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> Batch:
        """Each member's own samples, by their numbers ``(member, sample)``."""
        flat = index.flatten()
        views = {
            m: view.index_select(0, flat).unflatten(0, tuple(index.shape))
            for m, view in self.views.items()
        }
        present = {m: there[index] for m, there in self.present.items()}
        return Batch(views, self.labels[index], present)

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Consecutive batches of each member's own samples ``(member, batch × size)``."""
        for piece in rows.split(size, dim=1):
            yield self.take(piece)

    def chunks(self, size: int) -> Iterator[Batch]:
        """All samples in order, ``(sample, …)``, some at a time."""
        for start in range(0, len(self), size):
            piece = slice(start, start + size)
            views = {m: view[piece] for m, view in self.views.items()}
            present = {m: there[piece] for m, there in self.present.items()}
            yield Batch(views, self.labels[piece], present)


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
        self.scales = {m: self._scale(m, how) for m, how in self.scalings.items()}
        self.train = self._split(dataset.train)
        self.validation = self._split(dataset.validation)

    def test(self) -> DeviceSplit:
        """The test split, read anew."""
        return self._split(self.dataset.test)

    def serve(self, recipe: Recipe) -> bool:
        """Whether a recipe's training would make the same of the same data."""
        return self.scalings == scalings(recipe)

    def _scale(self, modality: str, how: Scaling) -> Standardization:
        train = self.dataset.train
        return SCALINGS[how](train.views[modality], train.present.get(modality))

    def _split(self, split: Split) -> DeviceSplit:
        present = {m: torch.tensor(split.present[m]) for m in self.scales if m in split.present}
        views = {
            m: torch.from_numpy(scale.apply(split.views[m])) for m, scale in self.scales.items()
        }
        for m, there in present.items():
            views[m][~there] = 0
        return DeviceSplit(
            {m: view.to(self.device, self.dtype) for m, view in views.items()},
            self.dataset.target.tensor(split.labels, self.device, self.dtype),
            {m: there.to(self.device) for m, there in present.items()},
        )


def scalings(recipe: Recipe) -> dict[str, Scaling]:
    """How each view is scaled, as its encoder wants it."""
    return {m: modality.encoder.scaling for m, modality in recipe.modalities.items()}
