r"""What subsets of modalities are worth, in nats, on samples that weren't trained on.

Two estimators of how much a subset tells of the label, with the same shape of result:

- variational: :math:`v(S) = H(Y) - CE_S`, a lower bound on the information in the features;
- histogram: :math:`v(S) = I(\hat y_S; Y)` from joint counts of predicted and true classes,
  with Miller and Madow's correction.

Of labels and values, H(Y) is the loss of the best constant and CE the loss; predictions are counted
label by label, or by eighths (``Target.codes``), and the mean is taken over the labels.

A single modality decides by its own head, several by the fused decision with the absent
modalities at their mean feature. Contributions are then linear in the values, by a matrix
``(2**K, K)``: Shapley's, or what is lost when the modality is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from armtune.information import (
    conditional_mutual_information,
    entropy,
    joint_counts,
    mutual_information,
    normalized_mutual_information,
)
from armtune.nn.forward import Features, mean_present
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import Tensor

    from armtune.targets import Target
    from armtune.training.network import MultimodalNet


def subset_logits(network: MultimodalNet, features: Features) -> Tensor:
    """Each subset's decision, ``(member, 2**K, sample, output)``; zeros for the empty set."""
    players = len(features)
    several = [s for s in range(1, 2**players) if s.bit_count() > 1 or players == 1]
    fused = network.fuse_subsets(features, network.mean_features(), several)
    decisions = dict(zip(several, fused.unbind(1), strict=True))
    if players > 1:
        decisions |= {1 << k: x for k, x in enumerate(network.judge(features).values())}
    ordered = [decisions[s] for s in range(1, 2**players)]
    return torch.stack([torch.zeros_like(ordered[0]), *ordered], dim=1)


def variational_values(
    target: Target,
    logits: Tensor,
    labels: Tensor,
    uncertainty: float,
    there: Tensor | None = None,
) -> Tensor:
    """``H(Y) − CE`` of each subset, ``(member, 2**K)``; 0 for the empty set.

    Args:
        logits: ``(member, 2**K, sample, output)``.
        labels: ``(member, sample)``.
        uncertainty: nats that the labels leave open, for classes their entropy.
        there: which samples count for a subset, ``(member, 2**K, sample)``; None for all.
    """
    losses = target.losses(logits, labels)
    if there is None:
        values = uncertainty - losses.mean(2)
    else:
        values = uncertainty - torch.where(there, losses, 0).sum(2) / there.sum(2).clamp_min(1)
    values[:, 0] = 0
    return values


def histogram_values(
    target: Target, logits: Tensor, labels: Tensor, there: Tensor | None = None
) -> Tensor:
    """Corrected mutual information of each subset's prediction with the label, ``(member, 2**K)``.

    Args:
        logits: ``(member, 2**K, sample, output)``.
        labels: ``(member, sample)``.
        there: see ``variational_values``; at least one sample of each subset.
    """
    predicted = target.codes(logits)
    truth = target.label_codes(labels).unsqueeze(1).expand_as(predicted)
    counts = _counts(target, [predicted, truth], there)
    values = mutual_information(counts, True).mean(-1)
    values[:, 0] = 0
    return values.to(logits)


def leave_one_out_matrix(players: int) -> Tensor:
    r"""The linear map to :math:`v(all) - v(all \setminus m)`, ``(2**K, K)``."""
    matrix = torch.zeros(2**players, players, dtype=torch.float64)
    matrix[-1] = 1
    for player in range(players):
        matrix[(2**players - 1) ^ (1 << player), player] -= 1
    return matrix


def interaction_contributions(
    target: Target, logits: Tensor, labels: Tensor, there: Tensor | None = None
) -> Tensor:
    r"""Two contributions by information between predictions, ``(member, 2)``; may be negative.

    ARM's formula with an estimator of ours; what the released code has is in
    ``_feature_information``.

    :math:`\phi_a = p_f n_a + p_b (n_a - c_a)` and :math:`\phi_b = p_f n_b + p_a (n_b - c_b)`,
    with :math:`n_m` the normalised information between a modality's prediction and the fused one,
    :math:`c_m` the same given the other modality's prediction, and :math:`p` the mean probability
    of the true class (fused, first, second).

    Args:
        logits: ``(member, 4, sample, output)``: of nobody, the first, the second and both.
        labels: ``(member, sample)``.
        there: see ``variational_values``; samples that count for both heads are used, one at least.
    """
    first, second, fused = target.codes(logits[:, 1:]).unbind(1)
    shares = target.likelihoods(logits[:, 1:], labels)
    whole = None if there is None else there[:, 1] & there[:, 2]
    p_first, p_second, p_fused = (mean_present(share, whole) for share in shares.unbind(1))
    contributions = []
    for own, other, p_other in ((first, second, p_second), (second, first, p_first)):
        pairs, triples = (_counts(target, v, whole) for v in ([own, fused], [own, fused, other]))
        alone = normalized_mutual_information(pairs).mean(-1)
        given = _normalized_conditional(triples).mean(-1)
        contributions.append(p_fused * alone + p_other * (alone - given))
    return torch.stack(contributions, dim=1).to(logits)


def _normalized_conditional(counts: Tensor) -> Tensor:
    """``2 I(X;Y|Z) / (H(X|Z) + H(Y|Z))``; 0 where Z tells both."""
    alone = entropy(counts.sum((-3, -2)))
    total = entropy(counts.sum(-2), 2) + entropy(counts.sum(-3), 2) - 2 * alone
    shared = 2 * conditional_mutual_information(counts)
    # Where Z tells both, rounding leaves a total of some 1e-16.
    return torch.where(total > 1e-12, shared / total.clamp_min(1e-12), 0.0)


def _counts(target: Target, codes: list[Tensor], there: Tensor | None) -> Tensor:
    """Joint counts of codes ``(…, variable, sample)``, of the samples that are there."""
    if there is not None:
        there = there.unsqueeze(-2).expand_as(codes[0])
    return joint_counts(codes, [target.bins] * len(codes), there)


class GapLoss:
    """Pulls up the modality that contributes least: linear in the subsets' losses.

    Args:
        uncertainty: nats that a label leaves open.
        matrix: contributions from the values of subsets, ``(subset, modality)``.
        symmetric: whether it pushes the modality down that contributes most.
    """

    def __init__(self, uncertainty: float, matrix: Tensor, symmetric: bool = False) -> None:
        self.matrix, self.blank = matrix, uncertainty * matrix.sum(0)
        self.symmetric = symmetric
        self.reach = matrix.T.contiguous() if symmetric else matrix.T.clamp_min(0)

    def shares(self, losses: Tensor, weight: Tensor) -> Tensor:
        """What the gap loss multiplies each subset's loss by, ``(member, subset)``.

        Args:
            losses: ``(member, subset)``.
            weight: of the gap loss, ``(member,)``.
        """
        phi = self.blank - losses @ self.matrix
        weakest, strongest = phi.min(1), phi.max(1)
        shares = self.reach[weakest.indices]
        if self.symmetric:
            shares = shares - self.reach[strongest.indices]
        return shares * (weight * (strongest.values > weakest.values)).unsqueeze(1)
