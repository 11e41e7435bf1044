"""An ensemble of the models that a sweep trained anyway: which ones, and what each counts.

Its outputs are a weighted sum of its models' outputs: of the fused decisions and of the modalities'
own heads. The weights are those that make the loss on validation lowest; none is negative (stacking
as of Breiman, *Stacked regressions*, Machine Learning 24, 1996; for classes a logarithmic opinion
pool). A sum of logits that needn't add up to one also sets how sure the ensemble is. For each set
of modalities that a sample may have there are weights of their own, found by what the models say of
the validation samples with the others missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.optimize import minimize
from torch import Tensor

from armtune.data import Dataset, Split
from armtune.data.folding import judged
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.records import Model, Weights
from armtune.sweeps.workers.trial import OUTPUTS
from armtune.targets import Target
from armtune.training.evaluation import Known, Tally, fused_at

CANDIDATES = 30
"""Models whose weights are fitted at first: those with the lowest loss alone."""
RIDGE = 1e-3
"""What the sum of squared weights adds to the loss."""
LEAST = 1e-2
"""Weights of all of a model's outputs together below which it is left out."""
ITERATIONS = 100


def fitted(
    recipe: Recipe, places: Mapping[Model, Path], dataset: Dataset, most: int
) -> Weights | None:
    """Weights of at most ``most`` models that left what they say of validation samples.

    Args:
        places: the models' folders.

    Returns:
        None where there is nothing to choose from.
    """
    modalities = len(recipe.modalities)
    fit = Fit(dataset.target, labels_of(dataset, judged(dataset, "validation")), modalities)
    models, outputs = list(places), [_outputs(p / OUTPUTS["validation"]) for p in places.values()]
    if not models:
        return None
    at = fused_at(modalities)
    alone = [fit.loss(o[at : at + 1].double(), torch.ones(1)) for o in outputs]
    first = sorted(range(len(models)), key=alone.__getitem__)[:CANDIDATES]
    every = 2**modalities - 1
    sums = fit.weights([outputs[k] for k in first], every).sum(1)
    kept = [first[k] for k in sums.argsort(descending=True)[:most] if sums[k] >= LEAST]
    if not kept:
        return None
    tables = [fit.weights([outputs[k] for k in kept], s) for s in range(1, every + 1)]
    # With nothing there, the fused decisions on mean features are all there is to go by.
    nothing = torch.zeros_like(tables[-1])
    nothing[:, 0] = tables[-1].sum(1)
    rows = torch.stack([nothing, *tables], dim=1)
    return {models[k]: rows[i].tolist() for i, k in enumerate(kept)}


class Fit:
    """Finds weights of candidates' outputs by their loss on validation samples."""

    def __init__(self, target: Target, labels: Tensor, modalities: int) -> None:
        self._target, self._labels, self._modalities = target, labels, modalities

    def weights(self, outputs: Sequence[Tensor], subset: int) -> Tensor:
        """Weights ``(model, decision)`` where the modalities of a bit mask are there.

        Args:
            outputs: each model's, ``(decision, sample, output)``.
        """
        heads = [k for k in range(self._modalities) if subset >> k & 1]
        first_head = fused_at(self._modalities) + 1
        rows = [subset - 1, *[first_head + k for k in heads]]
        candidates = torch.cat([each[rows] for each in outputs]).double()
        found = self.lowest(candidates).view(len(outputs), len(rows))
        weights = torch.zeros(len(outputs), 1 + self._modalities, dtype=torch.float64)
        weights[:, [0, *[1 + k for k in heads]]] = found
        return weights

    def lowest(self, candidates: Tensor) -> Tensor:
        """The weights of ``(candidate, sample, output)`` with the lowest loss and ridge."""

        def objective(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            weights = torch.from_numpy(x).requires_grad_()
            lost = self._lost(candidates, weights) + RIDGE * weights.square().sum()
            lost.backward()
            assert weights.grad is not None
            return float(lost.detach()), weights.grad.numpy()

        count = len(candidates)
        found = minimize(
            objective,
            np.full(count, 1 / count),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None)] * count,
            options={"maxiter": ITERATIONS},
        )
        return torch.from_numpy(np.asarray(found.x, np.float64))

    def loss(self, candidates: Tensor, weights: Tensor) -> float:
        """The mean loss of candidates' weighted sum."""
        return float(self._lost(candidates, weights.double()))

    def _lost(self, candidates: Tensor, weights: Tensor) -> Tensor:
        summed = torch.tensordot(weights, candidates, 1)[None, None]
        return self._target.losses(summed, self._labels.unsqueeze(0)).mean()


def combined(outputs: Sequence[Tensor], tables: Tensor, there: Tensor) -> Tensor:
    """An ensemble's own ``(decision, sample, output)``; its heads decide on one modality each.

    Args:
        outputs: each model's, ``(decision, sample, output)``.
        tables: each model's weights, ``(model, subset, decision)``, as ``Weights`` has them.
        there: the modalities that each sample has, as a bit mask ``(sample,)``.
    """
    subsets, modalities = tables.shape[1] - 1, tables.shape[2] - 1
    sums = torch.stack(
        [_decided(outputs, tables[:, s], s - 1, subsets) for s in range(1, 1 + subsets)]
    )
    asked = torch.arange(1, 1 + subsets).unsqueeze(1)
    # A sample without a modality is decided as its own modalities are, whatever else is asked for.
    known = asked & there
    rows = torch.where(known == 0, asked, known) - 1
    fused = sums[rows, torch.arange(len(there))]
    heads = sums[[2**k - 1 for k in range(modalities)]]
    return torch.cat([fused, heads])


def _decided(outputs: Sequence[Tensor], weights: Tensor, at: int, subsets: int) -> Tensor:
    """The weighted sum on one subset, ``(sample, output)``."""
    own = [torch.cat([each[at : at + 1], each[subsets:]]) for each in outputs]
    return sum(
        (torch.tensordot(w.float(), o, 1) for w, o in zip(weights, own, strict=True)),
        start=torch.zeros(()),
    )


def said(
    recipe: Recipe, dataset: Dataset, split: str, files: Mapping[Path, list[list[float]]]
) -> Tensor:
    """What an ensemble says of a split's samples, as ``combined`` has it.

    Args:
        files: what models say of them, and their weights.
    """
    names, given = tuple(recipe.modalities), judged(dataset, split)
    outputs, tables = [_outputs(path) for path in files], torch.tensor(list(files.values()))
    there = torch.full((len(given),), 2 ** len(names) - 1)
    for k, m in enumerate(names):
        if m in given.present:
            there -= 2**k * torch.from_numpy(~given.present[m]).long()
    return combined(outputs, tables, there)


@torch.no_grad()
def measured(
    recipe: Recipe, dataset: Dataset, split: str, files: Mapping[Path, list[list[float]]]
) -> tuple[dict[str, float], Tensor]:
    """Metrics of an ensemble on a split, as of one model; what each sample counts for its score.

    Args:
        files: what models say of it, and their weights.
    """
    names, given = tuple(recipe.modalities), judged(dataset, split)
    whole = said(recipe, dataset, split, files).unsqueeze(0)
    tally = Tally(Known(names, whole[:, 0]), dataset.target, recipe.metrics)
    present = {m: torch.tensor(p).unsqueeze(0) for m, p in given.present.items()}
    tally.keeps = True
    tally.add(whole, labels_of(dataset, given).unsqueeze(0), present)
    return tally.metrics()[0], tally.per_sample()[0]


def labels_of(dataset: Dataset, split: Split) -> Tensor:
    """A split's labels, as the target has them."""
    return dataset.target.tensor(split.labels, "cpu", torch.float32)


def _outputs(path: Path) -> Tensor:
    return load_file(path)["outputs"]
