r"""The estimator of ARM's released code: information between feature values, faults and all.

A modality's features over all samples, flattened, count as one variable, and so do those of a fused
vector of the same length: a linear projection of both modalities' features side by side, which the
released code never trains. With 30 bins between the least and the largest value of each,

.. math:: n_m = \frac{2 I(m; f)}{H(m) + H(f)}

and with 2 bins, :math:`c_m` is the same given the other modality o, but *not* twice, and of
"conditional entropies" :math:`-\sum q \ln q` whose :math:`q = p / p(o)` aren't weighed by
:math:`p(o)` and are divided along the first axis, not that of o. Of three independent variables it
is nowhere near 0. The contributions are :math:`\phi_m = p_f n_m + p_o (n_m - c_m)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from armtune.information import joint_counts, normalized_mutual_information
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

BINS = 30
"""Bins for the information."""
CONDITIONAL_BINS = 2
"""Bins for the conditional information."""
NEVER = 1e-10
"""What a probability of 0 counts as where it divides."""


def released_contributions(
    features: Sequence[Tensor], shares: Sequence[Tensor], there: Tensor | None = None
) -> Tensor:
    """The two contributions, ``(member, 2)``, which may be negative.

    Args:
        features: of the first modality, the second and both, ``(member, sample, feature)`` each.
        shares: mean likelihood of the truth by each of the same, ``(member,)``.
        there: which samples count, ``(member, sample)``; None for all.
    """
    flat = [f.flatten(1) for f in features]
    counted = None if there is None else there.repeat_interleave(features[0].shape[2], dim=1)
    first, second, fused = flat
    contributions = []
    for own, other, p_other in ((first, second, shares[1]), (second, first, shares[0])):
        codes = [binned(x, BINS) for x in (own, fused)]
        alone = normalized_mutual_information(joint_counts(codes, [BINS] * 2, counted))
        codes = [binned(x, CONDITIONAL_BINS) for x in (own, fused, other)]
        given = released_conditional(joint_counts(codes, [CONDITIONAL_BINS] * 3, counted))
        contributions.append(shares[2] * alone + p_other * (alone - given))
    return torch.stack(contributions, dim=1).to(first)


def binned(values: Tensor, bins: int) -> Tensor:
    """The number of each value's bin of equal width, ``(member, value)``; the last has its end."""
    least, largest = values.aminmax(dim=1, keepdim=True)
    width = (largest - least).clamp_min(torch.finfo(values.dtype).tiny)
    return ((values - least) / width * bins).long().clamp(0, bins - 1)


def released_conditional(counts: Tensor) -> Tensor:
    """The released normalised conditional information, from joint counts ``(*lead, x, y, z)``."""
    joint = counts / counts.sum((-3, -2, -1), keepdim=True)
    given = joint.sum((-3, -2))
    given = torch.where(given > 0, given, NEVER)[..., None, None]
    of_x, of_y = (joint.sum(axis).unsqueeze(-3) for axis in (-2, -3))
    h_x, h_y, h_xy = (_entropy(p / given) for p in (of_x, of_y, joint))
    total = h_x + h_y
    return torch.where(total != 0, (total - h_xy) / torch.where(total != 0, total, 1), 0.0)


def _entropy(quotients: Tensor) -> Tensor:
    return -torch.special.xlogy(quotients, quotients).sum((-3, -2, -1))
