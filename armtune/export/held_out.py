"""What a model says of samples that it hasn't learnt: calibration and robustness are told by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor

from armtune.bundle.serving import load_network
from armtune.data import Dataset
from armtune.data.folding import trained_together
from armtune.export.outcomes import Alone, given_alone
from armtune.nn.forward import Batch
from armtune.recipe.schema import Recipe
from armtune.training.evaluation import all_outputs, fused_at
from armtune.training.folds import held_out_outputs
from armtune.training.samples import Samplable, Samples

Alter = Callable[[Tensor, int], Tensor]
"""Changes standardised samples of one modality, which lie along an axis."""


class HeldOut:
    """A model and the samples that it hasn't learnt: of validation, or what its folds held out.

    Args:
        recipe: of a model that hasn't learnt the validation samples, or that holds out folds.
        model: its weights, as ``Run.save_model`` writes them.

    Attributes:
        labels: of the samples, as the target has them.
        target: what is predicted.
    """

    def __init__(self, recipe: Recipe, model: Path, dataset: Dataset) -> None:
        samples = Samples(recipe, dataset, "cpu")
        members = trained_together(dataset, recipe.training.refit)
        shapes = {m: scale.shape for m, scale in samples.scales.items()}
        stacked = members if members > 1 else None
        self.target, self.scalings = dataset.target, samples.scalings
        self._network = load_network(model, recipe, shapes, self.target, stacked)
        self._folds = samples.folds
        self._samples = samples.train if samples.folds else samples.validation
        self.labels = self._samples.labels

    def outputs(self, modality: str = "", alter: Alter | None = None) -> Tensor:
        """The fused outputs ``(sample, output)``.

        Args:
            modality: the one whose samples are altered, if ``alter`` is given.
        """
        if alter is None:
            told = self._told
        else:
            told = self._decisions(_Altered(self._samples, modality, alter))
        return told[fused_at(len(self._network.modalities))]

    def alone(self) -> Alone:
        """By modality, the outputs given it alone, and which samples have it."""
        everyone = torch.ones(len(self.labels), dtype=torch.bool)
        present = {m: self._samples.present.get(m, everyone) for m in self._network.modalities}
        return given_alone(self._told, present)

    @cached_property
    def _told(self) -> Tensor:
        return self._decisions(self._samples)

    def _decisions(self, samples: Samplable) -> Tensor:
        """All outputs ``(decision, sample, output)``."""
        if self._folds:
            return held_out_outputs(self._network, samples, self.target, self._folds)[0]
        return all_outputs(self._network, samples)[0]

    def score(self, outputs: Tensor) -> float:
        """The target's score of such outputs."""
        decided = self.target.decide(outputs[None])
        return self.target.score_of(self.target.marks(decided, self.labels[None])[0].double())


class _Altered:
    """Samples of which one modality is changed where they are read."""

    def __init__(self, samples: Samplable, modality: str, alter: Alter) -> None:
        self._samples, self._modality, self._alter = samples, modality, alter
        self.labels, self.present = samples.labels, samples.present

    def __len__(self) -> int:
        return len(self._samples)

    def take(self, index: Tensor) -> Batch:
        return self._changed(index.dim() - 1, self._samples.take(index))

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        return map(partial(self._changed, 1), self._samples.batches(rows, size))

    def chunks(self, size: int) -> Iterator[Batch]:
        return map(partial(self._changed, 0), self._samples.chunks(size))

    def _changed(self, axis: int, batch: Batch) -> Batch:
        changed = self._alter(batch.views[self._modality], axis)
        return batch._replace(views={**batch.views, self._modality: changed})


def noise() -> Alter:
    """Adds Gaussian noise of one standard deviation, always the same."""
    draw = torch.Generator().manual_seed(0)
    return lambda view, _: view + torch.randn(view.shape, generator=draw, dtype=view.dtype)


def anothers(view: Tensor, axis: int) -> Tensor:
    """Gives every sample what belongs to another one, always the same: nothing is odd in itself."""
    draw = torch.Generator().manual_seed(0)
    order = torch.randperm(view.shape[axis], generator=draw)
    # In a ring through all of them, so that nobody keeps its own.
    taken = torch.empty_like(order).index_copy_(0, order, order.roll(1))
    return view.index_select(axis, taken)
