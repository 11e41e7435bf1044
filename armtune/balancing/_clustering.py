"""Clusters of features for every member of a pack, from that member's own draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from armtune.information import joint_counts
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

STARTS = 10
"""Sets of first centres that clusters grow from; the tightest are kept."""
ROUNDS = 300
"""Times at most that the centres move to the mean of what is nearest to them."""


def purity(
    points: Tensor, labels: Tensor, classes: int, draws: Tensor, there: Tensor | None = None
) -> Tensor:
    r"""Purity of k-means clusters :math:`\frac1N \sum_k \max_c |C_k \cap Y_c|`, ``(member,)``.

    Args:
        points: ``(member, sample, feature)``.
        labels: ``(member, sample)``.
        classes: number of classes.
        draws: uniform in [0, 1), one for each start's and cluster's first centre, ``(member, start,
            cluster)``.
        there: which samples count, ``(member, sample)``; None for all.
    """
    numbers = clusters(points, draws, there)
    counts = joint_counts([numbers, labels], [draws.shape[2], classes], there)
    samples = labels.shape[1] if there is None else there.sum(1).clamp_min(1)
    return (counts.amax(2).sum(1) / samples).to(points)


def clusters(points: Tensor, draws: Tensor, there: Tensor | None = None) -> Tensor:
    """The number of each sample's k-means cluster, of the tightest start, ``(member, sample)``.

    Args:
        points: ``(member, sample, feature)``.
        draws: see ``purity``.
        there: see ``purity``.
    """
    starts = [grown(points, first_centres(points, d, there), there) for d in draws.unbind(1)]
    numbers, looseness = (torch.stack(found, dim=1) for found in zip(*starts, strict=True))
    tightest = looseness.argmin(1)[:, None, None]
    return numbers.gather(1, tightest.expand(-1, 1, points.shape[1])).squeeze(1)


def grown(points: Tensor, centres: Tensor, there: Tensor | None) -> tuple[Tensor, Tensor]:
    """The clusters that first centres lead to, and their summed squared distances ``(member,)``.

    A cluster that nothing is nearest to keeps its centre.
    """
    numbers = torch.arange(centres.shape[1], device=points.device).view(1, -1, 1)
    nearest = _distances(points, centres).argmin(2)
    for _ in range(ROUNDS):
        inside = (numbers == nearest.unsqueeze(1)).to(points)
        if there is not None:
            inside = inside * there.unsqueeze(1)
        size = inside.sum(2, keepdim=True)
        centres = torch.where(size > 0, inside @ points / size.clamp_min(1), centres)
        before, distances = nearest, _distances(points, centres)
        nearest = distances.argmin(2)
        if torch.equal(nearest, before):
            break
    squares = distances.amin(2).square()
    return nearest, (squares if there is None else squares * there).sum(1)


def first_centres(points: Tensor, draws: Tensor, there: Tensor | None = None) -> Tensor:
    """Points far from each other, by k-means++ (Arthur and Vassilvitskii, SODA 2007).

    Each next centre is a point drawn in proportion to its squared distance to the nearest so far.

    Returns:
        ``(member, cluster, feature)``.
    """
    everyone = torch.ones_like(points[..., 0])
    nearest = chance = everyone if there is None else there.to(points)
    centres = []
    for draw in draws.unbind(1):
        upto = nearest.cumsum(1)
        wanted = draw.unsqueeze(1) * upto[:, -1:]
        index = torch.searchsorted(upto, wanted, right=True).clamp_max(points.shape[1] - 1)
        centres.append(points.gather(1, index.unsqueeze(2).expand(-1, 1, points.shape[2])))
        distance = _distances(points, centres[-1])[..., 0].square()
        nearest = distance if len(centres) == 1 else torch.minimum(nearest, distance)
        nearest = nearest * chance
    return torch.cat(centres, dim=1)


def _distances(points: Tensor, centres: Tensor) -> Tensor:
    """Each pair's own, whoever else is there: products of whole matrices would round otherwise."""
    return torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist")
