"""An ensemble of the models that a sweep trained anyway: which, and what each counts.

Greedy selection with replacement (Caruana et al., ICML 2004): the model whose addition makes the
mean of predictions best on validation is added, again and again; how often a model was drawn is
what it counts. The beginning is the best few models together, as many as are best (its sorted
initialisation), and of all the stages on the way the best one is taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from armtune.data import Dataset
from armtune.data.folding import judged
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.records import Model
from armtune.sweeps.workers.trial import OUTPUTS
from armtune.targets import Target
from armtune.training.evaluation import Known, Tally, fused_at

AUTO = 10
"""Draws where a recipe leaves it open."""
CANDIDATES = 50
"""Models that are drawn from: the best ones alone. More cost time, and are worse."""

Rank = tuple[float, ...]
"""The lower, the better."""


def ranking(target: Target, labels: Tensor) -> Callable[[Tensor], Rank]:
    """What outputs ``(sample, output)`` are compared by: mean loss, then score.

    The score of a few dozen samples makes many models equal, and luck decides between the others;
    the loss tells them apart.
    """

    def rank(outputs: Tensor) -> Rank:
        alone = outputs.unsqueeze(0).unsqueeze(1)
        loss = target.losses(alone, labels.unsqueeze(0)).double().mean()
        decided = target.decide(alone)
        marks = target.marks(decided, labels.unsqueeze(0)).sum(3, dtype=torch.float64)
        score = target.scores(marks, torch.full((1, 1), len(outputs), dtype=torch.float64))
        return float(loss), -float(score)

    return rank


def greedy(
    outputs: Sequence[Tensor], target: Target, rank: Callable[[Tensor], Rank], draws: int
) -> Counter[int]:
    """How often each model is drawn, by its place among ``outputs`` ``(sample, output)``."""
    ranks = [rank(each) for each in outputs]
    order = sorted(range(len(outputs)), key=ranks.__getitem__)[:CANDIDATES]
    stages = [order[: n + 1] for n in range(min(draws, len(order)))]
    drawn = min(stages, key=lambda some: rank(_mean(outputs, some, target)))
    best, lowest = drawn, rank(_mean(outputs, drawn, target))
    while len(drawn) < draws:
        mean, share = _mean(outputs, drawn, target), 1 / (len(drawn) + 1)
        shares = torch.tensor([1 - share, share])
        found = {k: rank(target.mixed(torch.stack([mean, outputs[k]]), shares)) for k in order}
        added = min(order, key=found.__getitem__)
        drawn = [*drawn, added]
        if found[added] < lowest:
            best, lowest = drawn, found[added]
    return Counter(best)


def _mean(outputs: Sequence[Tensor], drawn: Sequence[int], target: Target) -> Tensor:
    counts = Counter(drawn)
    shares = torch.tensor([count / len(drawn) for count in counts.values()])
    return target.mixed(torch.stack([outputs[k] for k in counts]), shares)


def drawn(
    recipe: Recipe, places: Mapping[Model, Path], dataset: Dataset, draws: int
) -> dict[Model, int]:
    """How often each model is drawn, of those that left what they say of validation samples.

    Args:
        places: the models' folders.
    """
    models = list(places)
    if len(models) < 2:
        return {}
    at = fused_at(len(recipe.modalities))
    outputs = [_outputs(places[m] / OUTPUTS["validation"])[at] for m in models]
    rank = ranking(dataset.target, _labels(dataset, "validation"))
    counts = greedy(outputs, dataset.target, rank, draws)
    return {models[k]: count for k, count in counts.items()}


@torch.no_grad()
def measured(
    recipe: Recipe, dataset: Dataset, split: str, files: Mapping[Path, int]
) -> dict[str, float]:
    """Metrics of models' mean predictions of a split, as of one model.

    Args:
        files: what models say of it, and what they count.
    """
    outputs = torch.stack([_outputs(path) for path in files])
    counts = torch.tensor([float(count) for count in files.values()])
    mixed = dataset.target.mixed(outputs, counts / counts.sum()).unsqueeze(0)
    judges = Known(tuple(recipe.modalities), mixed[:, 0])
    tally = Tally(judges, dataset.target, recipe.metrics)
    given = judged(dataset, split)
    there = {m: torch.from_numpy(p).unsqueeze(0) for m, p in given.present.items()}
    tally.add(mixed, _labels(dataset, split).unsqueeze(0), there)
    return tally.metrics()[0]


def _labels(dataset: Dataset, split: str) -> Tensor:
    labels = judged(dataset, split).labels
    return dataset.target.tensor(labels, "cpu", torch.float32)


def _outputs(path: Path) -> Tensor:
    return load_file(path)["outputs"]
