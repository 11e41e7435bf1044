"""Where a training broke, for the person who has to mend it."""

from __future__ import annotations

import torch

from armtune.evaluation import CHUNK
from armtune.forward import Features
from armtune.network import MultimodalNet


@torch.no_grad()
def broken_at(network: MultimodalNet, views: Features, member: int) -> str:
    """The first modality and sample that is no finite number, in the data or else in the features.

    Args:
        views: standardised training samples of each modality, ``(sample, *shape)``.

    Returns:
        a clause that names them; empty when all are finite.
    """
    first = {
        m: view[:CHUNK].expand(len(network.means), -1, *view.shape[1:]) for m, view in views.items()
    }
    features = {f"the features of {m}": f[member] for m, f in network.encode(first).items()}
    for name, values in {**views, **features}.items():
        finite = values.flatten(1).isfinite().all(1)
        if not finite.all():
            sample = int(finite.int().argmin())
            return f"{name}: training sample {sample} has values that are no finite numbers"
    return ""
