"""A data set's samples as tensors on a device, scaled once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor

from armtune.data import Dataset
from armtune.data.rows import pieces, stacked
from armtune.data.shared_views import SHARED_FROM, shared_view
from armtune.data.splits import SPLITS
from armtune.data.standardize import Scaling, Standardization, fitted, standardized
from armtune.encoders import Frozen
from armtune.encoders._frozen import featured
from armtune.errors import DataError, Fault, RecipeError
from armtune.nn.forward import Batch, Features
from armtune.recipe.frozen import frozen_parts, learnt_encoders
from armtune.recipe.schema import Recipe
from armtune.training.memory import free_memory
from armtune.training.streamed_samples import StreamedSplit

log = logging.getLogger(__name__)

STREAMED_FROM = 0.5
"""Share of the free memory from which standardised views are streamed."""

TAKEN = 1024
"""Samples that are taken for several batches at once: more calls cost more, more memory too."""


class Samplable(Protocol):
    """A split to train on and to judge by, wherever its samples are."""

    labels: Tensor
    present: Features

    def __len__(self) -> int: ...
    def take(self, index: Tensor) -> Batch: ...
    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]: ...
    def chunks(self, size: int) -> Iterator[Batch]: ...


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
        for some in rows.split(size * max(1, TAKEN // (size * len(rows))), dim=1):
            taken = self.take(some)
            for start in range(0, some.shape[1], size):
                piece = slice(start, start + size)
                views, present = (
                    {m: part[:, piece] for m, part in parts.items()}
                    for parts in (taken.views, taken.present)
                )
                yield Batch(views, taken.labels[:, piece], present)

    def chunks(self, size: int) -> Iterator[Batch]:
        """All samples in order, ``(sample, …)``, some at a time."""
        for start in range(0, len(self), size):
            piece = slice(start, start + size)
            views = {m: view[piece] for m, view in self.views.items()}
            present = {m: there[piece] for m, there in self.present.items()}
            yield Batch(views, self.labels[piece], present)


class Samples:
    """What trainings on the same data share; they only read it.

    Where a recipe is to be trained on all data, the training split has the validation split's
    samples too; so it has where members hold out folds of both.

    Args:
        recipe: says which views there are, how their encoders want them scaled, and whether they
            are in memory or streamed.
        dataset: the data; its test split is read by ``test`` only, but for the features that
            frozen parts of encoders make of all samples.
        shared: several processes of this machine train on these data: in memory they are there
            once, mapped from a file of the cache, where that is possible.

    Attributes:
        seen: the data as trainings see them: with features where a part of an encoder is frozen.
    """

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        device: str,
        dtype: torch.dtype = torch.float32,
        shared: bool = False,
    ) -> None:
        self.dataset, self.device, self.dtype = dataset, device, dtype
        self.scalings, self.held = scalings(recipe), recipe.training.data
        self.joined = recipe.training.refit
        self.folds = None if self.joined else dataset.folds
        self.parts = frozen_parts(recipe)
        self.seen = seen = _seen(recipe, dataset, self.parts, device)
        self._given = {name: getattr(seen, name) for name in SPLITS}
        if self.joined or self.folds:
            self._given["train"] = stacked(seen.train, seen.validation)
        self.shared = shared and dtype == torch.float32 and torch.device(device).type == "cpu"
        self.scales = {m: self._scale(m, how) for m, how in self.scalings.items()}
        self.streams = self._streams()
        self.train = self._split("train")
        self.validation = self._split("validation")

    def test(self) -> Samplable:
        """The test split, read anew."""
        return self._split("test")

    def serve(self, recipe: Recipe) -> bool:
        """Whether a recipe's training would make the same of the same data."""
        training = recipe.training
        asked = (scalings(recipe), frozen_parts(recipe), training.data, training.refit)
        return (self.scalings, self.parts, self.held, self.joined) == asked

    def _scale(self, modality: str, how: Scaling) -> Standardization:
        # With folds too: one scale for all, which sees no more than without.
        train = self._given["train"] if self.joined else self.seen.train
        return fitted(how, train.views[modality], train.present.get(modality))

    def _streams(self) -> bool:
        if self.held != "auto":
            return self.held == "stream"
        splits = (self._given["train"], self._given["validation"])
        numbers = sum(split.views[m].size for split in splits for m in self.scales)
        return numbers * self.dtype.itemsize > STREAMED_FROM * free_memory(self.device)

    def _split(self, name: str) -> Samplable:
        split = self._given[name]
        masks = {m: split.present[m] for m in self.scales if m in split.present}
        present = {m: torch.tensor(there, device=self.device) for m, there in masks.items()}
        labels = self.dataset.target.tensor(split.labels, self.device, self.dtype)
        if self.streams:
            return StreamedSplit(split, self.scales, labels, present, self.dtype)
        views = {m: self._view(name, m) for m in self.scales}
        return DeviceSplit(views, labels, present)

    def _view(self, name: str, modality: str) -> Tensor:
        """A view as a whole: this process's own, or shared with others."""
        split = self._given[name]
        view, there = split.views[modality], split.present.get(modality)
        scale = self.scales[modality]
        if self.shared and view.size * self.dtype.itemsize >= SHARED_FROM:
            # Which samples are left out because they lack a modality depends on all of them.
            of = " ".join(sorted(self.dataset.shapes))
            whole = "joined " if self.joined or self.folds else ""
            digest = f"{self.seen.digest} {whole}{name} {modality} of {of}"
            try:
                return torch.from_numpy(shared_view(view, there, scale, digest))
            except DataError as error:
                log.warning("%s; each worker holds its own %s", error, modality)
        own = torch.empty((len(view), *scale.shape), dtype=self.dtype, device=self.device)
        parts = standardized(view, there, scale)
        for piece, part in zip(pieces(view), parts, strict=True):
            own[piece] = torch.from_numpy(part)
        return own


def _seen(recipe: Recipe, dataset: Dataset, parts: Mapping[str, Frozen], device: str) -> Dataset:
    """The data with features in the place of samples.

    Raises:
        RecipeError: an encoder can't read its modality's shape, or its files don't serve.
        DataError: files are missing or damaged.
    """
    for m, part in parts.items():
        path = f"modalities.{m}.encoder"
        if problem := recipe.modalities[m].encoder.misfit(dataset.shapes[m]):
            raise RecipeError([Fault(problem, f"{path}.name")])
        try:
            dataset = featured(dataset, {m: part}, device)
        except ValueError as error:
            raise RecipeError([Fault(str(error), path)]) from error
    return dataset


def scalings(recipe: Recipe) -> dict[str, Scaling]:
    """How each view is scaled, as its encoder wants it."""
    return {m: encoder.scaling for m, encoder in learnt_encoders(recipe).items()}
