"""The order in which members of a pack visit their training samples in an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from armtune.data.folds import Folds
from armtune.errors import Fault, RecipeError
from armtune.nn.forward import Features
from armtune.recipe.schema import Training
from armtune.targets import Target


def telling(present: Features, modalities: Iterable[str], samples: int) -> Tensor:
    """Numbers of the samples that have one of the modalities at least, on the CPU.

    The others would teach a training of one modality but the mean features that stand in for it.

    Args:
        present: which samples have a modality, ``(sample,)``, of modalities that some lack.
        samples: how many there are.
    """
    masks = [present.get(modality) for modality in modalities]
    known = [mask for mask in masks if mask is not None]
    if len(known) < len(masks):
        return torch.arange(samples)
    return torch.stack(known).any(0).nonzero().squeeze(1).cpu()


def training_rows(known: Tensor, folds: Folds | None, members: int) -> list[Tensor]:
    """Numbers of the samples that each member may learn from.

    Args:
        known: the samples there are to learn from.
        folds: what members hold out, trial by trial; None where they hold nothing out.
    """
    if folds is None:
        return [known] * members
    held = [torch.from_numpy(own) for own in folds.held]
    return [known[~torch.isin(known, own)] for own in held] * (members // len(folds))


def valuation_cut(
    rows: Sequence[Tensor], generators: Sequence[torch.Generator], share: float
) -> tuple[Tensor, Tensor]:
    """Each member's valuation slice and the rest of its samples, ``(member, sample)`` both.

    Members have slices of one size. Where one has fewer samples left than another, some of its
    own, drawn by chance, are there twice.

    Args:
        rows: numbers of each member's samples.
        generators: each member's own.
        share: of the samples, for the slice.
    """
    held = int(share * min(map(len, rows)))
    orders = [
        own[torch.randperm(len(own), generator=generator)]
        for own, generator in zip(rows, generators, strict=True)
    ]
    most = max(map(len, orders)) - held
    pools = [own[held:][torch.arange(most) % (len(own) - held)] for own in orders]
    return torch.stack([own[:held] for own in orders]), torch.stack(pools)


def visiting_order(
    generators: Sequence[torch.Generator], weights: Tensor | None, samples: int, length: int
) -> Tensor:
    """Numbers of the samples that each member visits, ``(member, length)``, on the CPU.

    Args:
        generators: each member's own, for this epoch.
        weights: what samples are drawn with, ``(member, sample)``; a member whose weights are all
            equal is shuffled instead, as all are where there are none.
        samples: how many there are.
    """
    weights = None if weights is None else weights.cpu()
    return torch.stack(
        [
            _order(generator, None if weights is None else weights[k], samples, length)
            for k, generator in enumerate(generators)
        ]
    )


def _order(generator: torch.Generator, weights: Tensor | None, samples: int, length: int) -> Tensor:
    if weights is None or bool((weights == weights[0]).all()):
        return torch.randperm(samples, generator=generator)[:length]
    return torch.multinomial(weights, length, True, generator=generator)


def rarity_of(plan: Training, target: Target, labels: Tensor) -> Tensor | None:
    """What evens out how often classes are drawn, ``(member, sample)``, if that is asked for.

    Raises:
        RecipeError: the target has no classes.
    """
    if not plan.balance_classes:
        return None
    rarity = target.rarity(labels)
    if rarity is None:
        said = f"there are no classes to balance: the target is {target.kind}"
        raise RecipeError([Fault(said, "training.balance_classes", hint="leave it out")])
    return rarity


def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Weights that heed two reasons; either may have none."""
    if one is None or other is None:
        return other if one is None else one
    return one * other
