"""How far what an exported format says is from the trained model, on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from armtune.bundle.engine import Engine, Floats, Present, Views
from armtune.bundle.serving import Served, tensors
from armtune.data import Dataset
from armtune.data.rows import taken
from armtune.data.standardize import Standardization

Units = NDArray[np.float64]
SAMPLES = 64
"""Validation samples that every format is run on."""


def check_inputs(dataset: Dataset, modalities: Sequence[str]) -> tuple[Views, Present]:
    """The first validation samples; of every few, one lacks each set of modalities but all."""
    first = taken(dataset.validation, np.arange(min(SAMPLES, len(dataset.validation))))
    views = {m: np.nan_to_num(first.views[m][:]) for m in modalities}
    count = len(next(iter(views.values())))
    subsets = 2 ** len(modalities) - 1 - np.arange(count) % (2 ** len(modalities) - 1)
    return views, {m: (subsets >> k & 1).astype(bool) for k, m in enumerate(modalities)}


@torch.no_grad()
def trained(
    served: Served,
    scales: Mapping[str, Standardization],
    views: Views,
    present: Present,
) -> Tensor:
    """What validation computes of the fused decision, by each sample's subset, then of each head:
    ``(member, decision, sample, output)``.
    """
    network = served.network
    seen = {m: served.seen(m, view).numpy() for m, view in tensors(views).items()}
    scaled = {m: scale.apply(seen[m]) for m, scale in scales.items()}
    members = len(network.means)
    features = network.encode({m: x.expand(members, *x.shape) for m, x in tensors(scaled).items()})
    absent = network.mean_features()
    for m, there in present.items():
        features[m][:, ~torch.from_numpy(there)] = absent[m]
    return torch.stack([network.fuse(features), *network.judge(features).values()], dim=1)


def largest_difference(
    engine: Engine, views: Views, present: Present, expected: Floats, units: Units
) -> float:
    """Largest difference in the target's units, over all samples at once and over single ones."""
    differences = [engine(views, present) - expected]
    for k in range(min(3, len(expected))):
        one = {m: v[k : k + 1] for m, v in views.items()}
        there = {m: p[k : k + 1] for m, p in present.items()}
        differences.append(engine(one, there) - expected[k])
    return max(float(np.abs(each / units).max()) for each in differences)
