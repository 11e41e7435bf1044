"""What a data set holds, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from armtune.data import Dataset, Split
from armtune.data.rows import chunks
from armtune.data.splits import SPLITS

FEW = 30
"""Of fewer samples, the 95 % interval of an accuracy is up to 36 points wide, or wider."""
MOST = 5
"""Classes that are named."""


@dataclass(frozen=True)
class View:
    """One modality.

    Attributes:
        shape: of a sample.
        not_finite: values that are NaN or infinite, in all splits.
        constant: features that are the same in all training samples, of ``features``.
        features: numbers a sample.
        absent: samples of each split that lack it; nothing else here counts them.
    """

    shape: tuple[int, ...]
    not_finite: int
    constant: int
    features: int
    absent: dict[str, int]


@dataclass(frozen=True)
class Overview:
    """A data set in figures.

    Attributes:
        name: the plug-in's name.
        description: which data these really are.
        stand_in: whether they stand in for those asked for.
        samples: number of samples of each split.
        target: the kind of target.
        heading: what the numbers in ``labels`` are.
        labels: how the labels are distributed, split → name → number: of classes and of labels
            the samples that have them.
        imbalance: of each split, the largest class's samples to the smallest's among the classes
            that are there; of labels likewise. Values have none.
        modalities: each modality in the recipe's order.
        doubts: sentences on splits that can hardly judge a model.
        columns: what each column of a table was taken for, and why, with examples.
    """

    name: str
    description: str
    stand_in: bool
    samples: dict[str, int]
    target: str
    heading: str
    labels: dict[str, dict[str, float]]
    imbalance: dict[str, float]
    modalities: dict[str, View]
    doubts: list[str]
    columns: list[dict[str, Any]]


def overview(dataset: Dataset) -> Overview:
    """Counts what there is; every array is read once, piece by piece."""
    parts, target = _parts(dataset), dataset.target
    ratios = {name: target.imbalance(split.labels) for name, split in parts.items()}
    return Overview(
        name=dataset.name,
        description=dataset.description,
        stand_in=dataset.stand_in,
        samples={name: len(split) for name, split in parts.items()},
        target=target.kind,
        heading=target.heading,
        labels={name: target.overview(split.labels) for name, split in parts.items()},
        imbalance={name: ratio for name, ratio in ratios.items() if ratio is not None},
        modalities={m: _view(m, parts) for m in dataset.shapes},
        doubts=doubts(dataset),
        columns=[dict(guess) for guess in dataset.guesses],
    )


def doubts(dataset: Dataset) -> list[str]:
    """A sentence on each split that can hardly judge a model: it is small, or lacks a class."""
    said = []
    judging = _parts(dataset)
    if dataset.folds:
        del judging["validation"]  # all of it is judged together with the training samples
    for name, split in judging.items():
        if len(split) < FEW:
            said.append(f"{name} holds {len(split)} samples: scores on so few are mostly chance")
        ratio, counts = dataset.target.imbalance(split.labels), dataset.target.overview
        lacking = [n for n, count in counts(split.labels).items() if ratio and not count]
        if lacking:
            more = f" and {len(lacking) - MOST} more" if len(lacking) > MOST else ""
            said.append(f"{name} has no sample of {', '.join(lacking[:MOST])}{more}")
    return said


def _parts(dataset: Dataset) -> dict[str, Split]:
    return dict(zip(SPLITS, (dataset.train, dataset.validation, dataset.test), strict=True))


def _view(modality: str, parts: Mapping[str, Split]) -> View:
    train = parts["train"].views[modality]
    kept = {name: part.present.get(modality) for name, part in parts.items()}
    everything = (chunks(part.views[modality], kept[name]) for name, part in parts.items())
    bad = sum(int((~np.isfinite(chunk)).sum()) for own in everything for chunk in own)
    varies, first = np.zeros(train.shape[1:], bool), None
    for chunk in chunks(train, kept["train"]):
        first = chunk[:1] if first is None or not len(first) else first
        varies |= (chunk != first).any(axis=0)
    absent = {name: 0 if there is None else int((~there).sum()) for name, there in kept.items()}
    return View(train.shape[1:], bad, int((~varies).sum()), prod(train.shape[1:]), absent)
