"""Where a training broke, for the person who has to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite

import torch

from armtune.nn.forward import Features
from armtune.training.evaluation import CHUNK, Judged
from armtune.training.network import MultimodalNet


def divergence(metrics: Mapping[str, float], epoch: int, where: Callable[[], str]) -> str:
    """Why a training can't go on after an epoch; empty while its losses are finite.

    Args:
        epoch: counted from 1.
        where: asked for a clause that says where it broke.
    """
    bad = [name for name in ("train_loss", "loss") if not isfinite(metrics[name])]
    if not bad:
        return ""
    parts = [f"epoch {epoch}: {bad[0]} is {metrics[bad[0]]}", where()]
    words = ", ".join(filter(None, parts))
    return f"the training diverged, {words}; a lower training.optimizer.lr often helps"


@torch.no_grad()
def broken_at(network: MultimodalNet, train: Judged, member: int) -> str:
    """The first modality and sample that is no finite number, in the data or else in the features.

    Args:
        train: standardised training samples.

    Returns:
        a clause that names them; empty when all are finite.
    """
    for start, parts in _suspects(network, train, member):
        for name, values in parts.items():
            finite = values.flatten(1).isfinite().all(1)
            if not finite.all():
                sample = start + int(finite.int().argmin())
                return f"{name}: training sample {sample} has values that are no finite numbers"
    return ""


def _suspects(network: MultimodalNet, train: Judged, member: int) -> Iterator[tuple[int, Features]]:
    """All samples, then the features of some, with the number of the first."""
    for number, chunk in enumerate(train.chunks(CHUNK)):
        yield number * CHUNK, chunk.views
    first = next(iter(train.chunks(CHUNK)))
    shared = {m: view.expand(len(network.means), *view.shape) for m, view in first.views.items()}
    features = network.encode(shared)
    yield 0, {f"the features of {m}": f[member] for m, f in features.items()}
