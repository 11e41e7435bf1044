r"""Entropy, mutual information and Shapley values, on tensors of counts and of values.

All results are in nats. Counts and values may have any leading axes (members, subsets …); nothing
here loops over samples or bins. The discrete estimators take joint counts, so that counts of
several batches can be added before anything is estimated.

Shapley values live on the subsets of K players, numbered by bit mask: subset ``s`` holds player
``k`` when bit ``k`` of ``s`` is set; 0 is the empty set and ``2**K - 1`` holds everyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import factorial
from typing import TYPE_CHECKING

from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor


def joint_counts(
    variables: Sequence[Tensor], bins: Sequence[int], there: Tensor | None = None
) -> Tensor:
    """Counts of every combination of discrete variables.

    Args:
        variables: integers ``(*lead, sample)``, the same shape each, ``0 <= v_i < bins[i]``.
        bins: number of values of each variable.
        there: which samples count, as the variables, boolean; None for all.

    Returns:
        ``(*lead, *bins)``, float64.
    """
    lead, cells = variables[0].shape[:-1], 1
    code = torch.zeros_like(variables[0], dtype=torch.int64)
    for variable, count in zip(variables, bins, strict=True):
        code = code * count + variable
        cells *= count
    rows = code.reshape(-1, code.shape[-1])
    offset = torch.arange(len(rows), device=code.device).unsqueeze(1) * cells
    weights = None if there is None else there.flatten().double()
    counts = torch.bincount((rows + offset).flatten(), weights, minlength=len(rows) * cells)
    return counts.to(torch.float64).reshape(*lead, *bins)


def entropy(counts: Tensor, axes: int = 1, corrected: bool = False) -> Tensor:
    r"""Entropy :math:`H(X) = -\sum_x p(x) \ln p(x)` from counts.

    Args:
        counts: ``(*lead, *cells)`` with ``axes`` axes of cells; at least one count in each.
        axes: how many of the last axes make up the variable.
        corrected: add Miller and Madow's correction for few samples (Miller 1955),
            :math:`(K - 1) / 2N` with K the number of cells seen and N of samples.

    Returns:
        ``lead``.
    """
    cells = counts.flatten(counts.dim() - axes) if axes else counts.unsqueeze(-1)
    total = cells.sum(-1)
    raw = -torch.special.xlogy(cells, cells / total.unsqueeze(-1)).sum(-1) / total
    if not corrected:
        return raw
    return raw + ((cells > 0).sum(-1) - 1) / (2 * total)


def mutual_information(counts: Tensor, corrected: bool = False) -> Tensor:
    r"""Mutual information :math:`I(X;Y) = H(X) + H(Y) - H(X,Y)` from joint counts.

    Args:
        counts: ``(*lead, x, y)``.
        corrected: use Miller and Madow's correction in each entropy.

    Returns:
        ``lead``.
    """
    marginals = entropy(counts.sum(-1), 1, corrected) + entropy(counts.sum(-2), 1, corrected)
    return marginals - entropy(counts, 2, corrected)


def conditional_mutual_information(counts: Tensor, corrected: bool = False) -> Tensor:
    r"""Conditional mutual information :math:`I(X;Y|Z) = H(X,Z) + H(Y,Z) - H(Z) - H(X,Y,Z)`.

    Args:
        counts: ``(*lead, x, y, z)``.
        corrected: use Miller and Madow's correction in each entropy.

    Returns:
        ``lead``; never negative unless corrected.
    """
    pairs = entropy(counts.sum(-2), 2, corrected) + entropy(counts.sum(-3), 2, corrected)
    alone = entropy(counts.sum((-3, -2)), 1, corrected)
    return pairs - alone - entropy(counts, 3, corrected)


def interaction_information(counts: Tensor, corrected: bool = False) -> Tensor:
    r"""Interaction information :math:`I(X;Y) - I(X;Y|Z)`, symmetric in its three variables.

    Args:
        counts: ``(*lead, x, y, z)``.
        corrected: use Miller and Madow's correction in each entropy.

    Returns:
        ``lead``; positive for redundancy, negative for synergy.
    """
    return mutual_information(counts.sum(-1), corrected) - conditional_mutual_information(
        counts, corrected
    )


def normalized_mutual_information(counts: Tensor) -> Tensor:
    r"""Normalised mutual information :math:`2 I(X;Y) / (H(X) + H(Y))`; 0 for two constants.

    Args:
        counts: ``(*lead, x, y)``.

    Returns:
        ``lead``, in [0, 1].
    """
    total = entropy(counts.sum(-1)) + entropy(counts.sum(-2))
    information = mutual_information(counts)
    return torch.where(total > 0, 2 * information / total.clamp_min(1e-300), 0.0)


def shapley_weights(players: int) -> list[list[float]]:
    r"""What the value of each subset counts for each player's Shapley value.

    :math:`\phi_k = \sum_{S \not\ni k} \frac{|S|!\,(K-|S|-1)!}{K!}\,(v(S \cup k) - v(S))`
    (Shapley 1953).

    Returns:
        a row for each subset, by bit mask, with a number for each player.
    """
    return [[_weight(subset, k, players) for k in range(players)] for subset in range(2**players)]


def _weight(subset: int, player: int, players: int) -> float:
    inside = subset >> player & 1
    others = subset.bit_count() - inside
    weight = factorial(others) * factorial(players - others - 1) / factorial(players)
    return weight if inside else -weight


@cache
def shapley_matrix(players: int) -> Tensor:
    """The linear map from the values of all subsets to the players' Shapley values.

    Returns:
        ``(2**players, players)``, float64: ``values @ matrix`` are the Shapley values.
    """
    return torch.tensor(shapley_weights(players), dtype=torch.float64)


def shapley_values(values: Tensor) -> Tensor:
    """Shapley value of each player; they sum to ``v(everyone) - v(nobody)``.

    Args:
        values: ``(*lead, 2**K)``, value of every subset by bit mask.

    Returns:
        ``(*lead, K)``.
    """
    players = values.shape[-1].bit_length() - 1
    assert values.shape[-1] == 2**players, "one value for each subset"
    return values @ shapley_matrix(players).to(values)
