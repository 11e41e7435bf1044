"""Features of many training samples: of the held-out ones, and the means that stand in for what is
absent.
"""

from __future__ import annotations

import torch
from torch import Tensor

from armtune.nn.forward import Features
from armtune.training.evaluation import at_a_time
from armtune.training.network import MultimodalNet
from armtune.training.samples import Samplable

SAMPLES = 2048
"""Training samples over which a mean is taken."""


@torch.no_grad()
def mean_features(network: MultimodalNet, train: Samplable, pool: Tensor) -> Features:
    """Means of each modality over the first ``SAMPLES`` samples of the pool that have it.

    Args:
        pool: numbers of each member's own training samples, ``(member, sample)``.

    Returns:
        ``(member, feature)`` of each modality.
    """
    if not train.present:
        features, _ = all_features(network, train, pool[:, :SAMPLES])
        return {m: f.mean(1) for m, f in features.items()}
    return {m: _mean(network, m, train, pool) for m in network.modalities}


@torch.no_grad()
def all_features(network: MultimodalNet, train: Samplable, rows: Tensor) -> tuple[Features, Tensor]:
    """Features of each member's own samples, encoded some at a time, and their labels.

    Args:
        rows: the samples' numbers, ``(member, sample)``; for none there are no features.
    """
    pieces = train.batches(rows, at_a_time(network)) if rows.shape[1] else ()
    parts = [network.encode(piece.views, piece.present) for piece in pieces]
    features = {m: torch.cat([part[m] for part in parts], dim=1) for m in parts[0]} if parts else {}
    return features, train.labels[rows]


def _mean(network: MultimodalNet, modality: str, train: Samplable, pool: Tensor) -> Tensor:
    encoder = network.encoders[network.modalities.index(modality)]
    there = train.present.get(modality)
    if there is not None:
        # Those that have it first, else in their order.
        pool = pool.gather(1, (~there[pool]).to(torch.uint8).argsort(dim=1, stable=True))
    rows = pool[:, :SAMPLES]
    pieces = train.batches(rows, at_a_time(network))
    features = torch.cat([encoder(piece.views[modality]) for piece in pieces], dim=1)
    if there is None:
        return features.mean(1)
    known = there[rows].unsqueeze(2)
    return torch.where(known, features, 0).sum(1) / known.sum(1).clamp_min(1)
