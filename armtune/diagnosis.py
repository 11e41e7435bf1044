"""Where a training broke, for the person who has to mend it."""

from __future__ import annotations

import torch
from torch import Tensor

from armtune.evaluation import chunks
from armtune.forward import Features
from armtune.network import MultimodalNet


@torch.no_grad()
def broken_at(network: MultimodalNet, views: Features, labels: Tensor, member: int) -> str:
    """The first modality and sample that is no finite number, in the data or in the features.

    Args:
        views: standardised training samples of each modality, ``(sample, *shape)``.
        labels: ``(sample,)``.

    Returns:
        a clause that names them; empty when all are finite.
    """
    members = len(network.means)
    start = 0
    for piece, piece_labels in chunks(views, labels):
        shared = {m: view.expand(members, *view.shape) for m, view in piece.items()}
        features = network.encode(shared)
        for modality in network.modalities:
            for what, values in (
                (modality, piece[modality]),
                (f"the features of {modality}", features[modality][member]),
            ):
                finite = values.flatten(1).isfinite().all(1)
                if not finite.all():
                    sample = start + int(finite.int().argmin())
                    return f"{what}: training sample {sample} has values that are no finite numbers"
        start += len(piece_labels)
    return ""
