r"""Mixup: training samples between two of the batch (Zhang et al., ICLR 2018).

All modalities of two samples are mixed alike, with a weight of each sample's own:

.. math:: \tilde x = \lambda x_1 + (1 - \lambda) x_2

The paper draws :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` and mixes the labels' losses by
it, too. As either sample of a pair may be the first, that is in the mean the same as the first
one's label alone with :math:`\lambda \sim \mathrm{Beta}(\alpha + 1, \alpha)`: its density is
:math:`2 \lambda` times the other. So every balancing method sees plain labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from armtune.nn.forward import Batch
from armtune.nn.random_streams import seed_for


def mixed(
    batch: Batch, alpha: float, seeds: Sequence[int], epochs: Sequence[int], at: int
) -> Batch:
    """A batch whose samples each have a part of another one's in them.

    A sample is mixed in the modalities that both have; the others stay.

    Args:
        seeds: each member's, which draws alike in whatever pack it is.
        epochs: each member's.
        at: step of the epoch.
    """
    views = dict(batch.views)
    members = zip(seeds, epochs, strict=True)
    draws = [np.random.default_rng(seed_for(own, "mixup", epoch, at)) for own, epoch in members]
    samples = next(iter(views.values())).shape[1]
    others = torch.from_numpy(np.stack([draw.permutation(samples) for draw in draws]))
    shares = torch.from_numpy(
        np.stack([1 - draw.beta(alpha + 1, alpha, samples) for draw in draws])
    )
    for m, view in views.items():
        others, shares = others.to(view.device), shares.to(view.device, view.dtype)
        there = batch.present.get(m)
        both = shares if there is None else shares * there * there.gather(1, others)
        views[m] = torch.lerp(view, _taken(view, others), _beside(both, view))
    return batch._replace(views=views)


def _taken(view: Tensor, others: Tensor) -> Tensor:
    """Other samples of each member, ``(member, sample, *shape)``."""
    return view.gather(1, _beside(others, view).expand_as(view))


def _beside(values: Tensor, view: Tensor) -> Tensor:
    """Numbers of each sample ``(member, sample)``, with axes as a view has them."""
    return values.reshape(*values.shape, *[1] * (view.ndim - 2))
