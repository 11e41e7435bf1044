"""Values of subsets and contributions against figures worked out by hand."""

from __future__ import annotations

from math import log

import pytest
import torch

from armtune.balancing._valuation import (
    histogram_values,
    interaction_contributions,
    leave_one_out_matrix,
    subset_logits,
    variational_values,
)
from armtune.information import shapley_matrix
from armtune.targets.classes import Classes
from armtune.training.network import build_network
from tests.conftest import TWO, Shapes, toy_recipe

THREE: Shapes = {**TWO, "touch": (4,)}
SIDES = Classes(("heads", "tails"))
LABELS = torch.tensor([[0, 1, 0, 1] * 50])


def told(*columns: torch.Tensor) -> torch.Tensor:
    """Very sure logits of two classes for nobody and each further subset."""
    logits = [torch.zeros(1, LABELS.shape[1], 2).double()]
    logits += [60 * torch.eye(2).double()[column] for column in columns]
    return torch.stack(logits, dim=1)


@pytest.mark.parametrize("shapes", [TWO, THREE], ids=["two", "three"])
def test_each_subset_decides_with_the_others_at_their_mean(shapes: Shapes) -> None:
    network = build_network([toy_recipe(shapes)], shapes, 3, torch.float64)
    network.means.normal_()
    views = {m: torch.randn(1, 7, *shape).double() for m, shape in shapes.items()}
    with torch.no_grad():
        features = network.encode(views)
        logits = subset_logits(network, features)
        mean = network.mean_features()
        for subset in range(1, 2 ** len(shapes)):
            if subset.bit_count() == 1:
                name = list(shapes)[subset.bit_length() - 1]
                expected = network.judge(features)[name]
            else:
                expected = network.fuse(
                    {
                        m: f if subset >> k & 1 else mean[m].expand_as(f)
                        for k, (m, f) in enumerate(features.items())
                    }
                )
            assert torch.allclose(logits[:, subset], expected, atol=1e-12)


def test_variational_value_of_sure_and_of_blank_decisions() -> None:
    blank = torch.zeros_like(LABELS)
    logits = told(LABELS, LABELS, LABELS)
    logits[:, 2] = 0
    values = variational_values(SIDES, logits, LABELS, log(2))
    assert values[0].tolist() == pytest.approx([0, log(2), 0, log(2)], abs=1e-12)
    assert variational_values(SIDES, told(blank, blank, blank), LABELS, log(2))[0, 1] < 0


def test_histogram_value_of_a_copy_and_of_a_constant() -> None:
    values = histogram_values(SIDES, told(LABELS, torch.zeros_like(LABELS), LABELS), LABELS)
    # a copy: H(Y) thrice, each corrected by (cells - 1) / 2N; the joint counts have two cells too
    assert values[0].tolist() == pytest.approx([0, log(2) + 1 / 400, 0, log(2) + 1 / 400])


def test_leaving_one_out_by_hand() -> None:
    values = torch.tensor([0.0, 0.3, 0.5, 0.9]).double()
    assert (values @ leave_one_out_matrix(2)).tolist() == pytest.approx([0.4, 0.6])
    assert leave_one_out_matrix(1).flatten().tolist() == [-1, 1]


def test_synergy_counts_in_full_for_each_that_is_left_out_and_by_half_for_shapley() -> None:
    xor = torch.tensor([0.0, 0.0, 0.0, log(2)]).double()
    assert (xor @ leave_one_out_matrix(2)).tolist() == pytest.approx([log(2), log(2)])
    assert (xor @ shapley_matrix(2)).tolist() == pytest.approx([log(2) / 2, log(2) / 2])


def test_interaction_contributions_by_hand() -> None:
    # The first modality is always right and equals the fused decision; the second says nothing.
    # n_a = 1; given a constant, c_a = 1 too; n_b = c_b = 0; p_f = p_a = 1.
    shares = interaction_contributions(
        SIDES, told(LABELS, torch.zeros_like(LABELS), LABELS), LABELS
    )
    assert shares[0].tolist() == pytest.approx([1, 0], abs=1e-9)


def test_interaction_contributions_of_copies_by_hand() -> None:
    # Both copy the fused decision: n = 1, and given the other nothing is left: c = 0, so 1 + 1.
    shares = interaction_contributions(SIDES, told(LABELS, LABELS, LABELS), LABELS)
    assert shares[0].tolist() == pytest.approx([2, 2], abs=1e-9)
