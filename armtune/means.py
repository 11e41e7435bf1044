"""Each modality's mean feature over training samples: what stands in where it is absent."""

from __future__ import annotations

import torch
from torch import Tensor

from armtune.forward import Features
from armtune.network import MultimodalNet
from armtune.samples import DeviceSplit

SAMPLES = 2048
"""Training samples over which a mean is taken."""


@torch.no_grad()
def mean_features(network: MultimodalNet, train: DeviceSplit, pool: Tensor) -> Features:
    """Means of each modality over the first ``SAMPLES`` samples of the pool that have it.

    Args:
        pool: numbers of each member's own training samples, ``(member, sample)``.

    Returns:
        ``(member, feature)`` of each modality.
    """
    some = train.take(pool[:, :SAMPLES])
    if not train.present:
        return {m: f.mean(1) for m, f in network.encode(some.views).items()}
    return {m: _mean(network, m, train, pool) for m in network.modalities}


def _mean(network: MultimodalNet, modality: str, train: DeviceSplit, pool: Tensor) -> Tensor:
    there = train.present.get(modality)
    if there is not None:
        # Those that have it first, else in their order.
        pool = pool.gather(1, (~there[pool]).to(torch.uint8).argsort(dim=1, stable=True))
    some = train.take(pool[:, :SAMPLES])
    features = network.encode(some.views)[modality]
    if there is None:
        return features.mean(1)
    known = some.present[modality].unsqueeze(2)
    return torch.where(known, features, 0).sum(1) / known.sum(1).clamp_min(1)
