"""Training batches changed by augmentations and mixup, on the device, all members at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from armtune.augmentations import Augmentation
from armtune.data.standardize import Standardization
from armtune.nn.forward import Batch
from armtune.nn.random_streams import Draws, seeds
from armtune.recipe.augment_checks import refuse_misfits
from armtune.recipe.schema import Recipe
from armtune.training.knobs import knobs_of
from armtune.training.mixup import mixed


@dataclass
class _Change:
    """One augmentation of one modality.

    Attributes:
        options: the first member's; the others differ in numbers.
        knobs: all members' numbers.
        purpose: names its random streams.
        seeds: of each member's streams in this epoch, step by step.
    """

    options: Augmentation
    knobs: dict[str, Tensor]
    purpose: str
    seeds: list[list[int]] = field(default_factory=list)


class Augmenting:
    """Changes the batches of a pack's training.

    Without mixup, a modality without augmentations stays as it is.

    A member's draws follow from its own seed, epoch and step, so that they are the same in any
    pack, and in a training that was interrupted.

    Args:
        recipes: one a member.
        shapes: of each modality's samples as the data set gives them.
        scales: what they were standardised by.
        like: of the batches' floating type and device.

    Raises:
        RecipeError: an augmentation can't change its modality's samples.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        shapes: Mapping[str, tuple[int, ...]],
        scales: Mapping[str, Standardization],
        like: Tensor,
    ) -> None:
        for recipe in recipes:
            refuse_misfits(recipe, shapes)
        self.members = [recipe.training.seed for recipe in recipes]
        self.epochs, self.alpha = [0] * len(recipes), recipes[0].training.mixup
        self.generators = [torch.Generator(like.device) for _ in recipes]
        self.modalities = {
            m: _Modality(recipes, m, scales[m], like)
            for m, modality in recipes[0].modalities.items()
            if modality.augment
        }

    def start_epoch(self, epochs: Sequence[int], steps: int) -> None:
        """Draws what an epoch needs.

        Args:
            epochs: number of epochs that each member has done.
            steps: of an epoch.
        """
        self.epochs = list(epochs)
        for modality in self.modalities.values():
            for change in modality.changes:
                change.seeds = [
                    seeds(seed, change.purpose, steps, epoch)
                    for seed, epoch in zip(self.members, epochs, strict=True)
                ]

    @torch.no_grad()
    def __call__(self, batch: Batch, step: int) -> Batch:
        """A batch in place of the epoch's ``step``-th; what samples lack stays zero."""
        if not self.modalities and not self.alpha:
            return batch
        views = dict(batch.views)
        for m, modality in self.modalities.items():
            views[m] = modality.changed(views[m], self.generators, step, batch.present.get(m))
        changed = batch._replace(views=views)
        return (
            mixed(changed, self.alpha, self.members, self.epochs, step) if self.alpha else changed
        )


class _Modality:
    """A modality's augmentations: those of the data set's own values, then the others."""

    def __init__(
        self, recipes: Sequence[Recipe], name: str, scale: Standardization, like: Tensor
    ) -> None:
        first = recipes[0].modalities[name]
        self.changes = [
            _Change(
                options,
                knobs_of([recipe.modalities[name].augment[key] for recipe in recipes], like),
                f"augment {name} {key}",
            )
            for key, options in first.augment.items()
        ]
        self.raw = [change for change in self.changes if not change.options.standardized]
        self.standardized = [change for change in self.changes if change.options.standardized]
        self.mean, self.std = (like.new_tensor(part) for part in (scale.mean, scale.std))
        self.padded = first.encoder.scaling == "padded"

    def changed(
        self,
        view: Tensor,
        generators: Sequence[torch.Generator],
        step: int,
        present: Tensor | None,
    ) -> Tensor:
        """Samples in place of others, ``(member, sample, *shape)``, both standardised."""
        new = view
        if self.raw:
            new = _after(self.raw, new * self.std + self.mean, generators, step)
            new = (new - self.mean) / self.std
        new = _after(self.standardized, new, generators, step)
        if self.padded:
            real = (view != 0).any(dim=tuple(range(3, view.ndim)), keepdim=True)
            new = torch.where(real, new, 0)
        if present is not None:
            new = torch.where(present.reshape(*present.shape, *[1] * (view.ndim - 2)), new, 0)
        return new


def _after(
    changes: Sequence[_Change], view: Tensor, generators: Sequence[torch.Generator], step: int
) -> Tensor:
    for change in changes:
        for generator, own in zip(generators, change.seeds, strict=True):
            generator.manual_seed(own[step])
        draws = Draws(generators, view.shape[1], view.dtype)
        view = change.options.change(view, change.knobs, draws)
    return view
