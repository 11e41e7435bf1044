"""Estimators against closed forms, in nats."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score, normalized_mutual_info_score

from armtune.information import (
    conditional_mutual_information,
    entropy,
    interaction_information,
    joint_counts,
    mutual_information,
    normalized_mutual_information,
    shapley_matrix,
    shapley_values,
)

TRIPLES = torch.cartesian_prod(torch.arange(2), torch.arange(2)).T


def counts3(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, bins: int = 2) -> torch.Tensor:
    return joint_counts([x, y, z], [bins] * 3)


def draws(seed: int, samples: int = 20_000, bins: int = 4) -> torch.Tensor:
    return torch.randint(bins, (samples,), generator=torch.Generator().manual_seed(seed))


def test_joint_counts_count_each_combination() -> None:
    x, y = torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 0, 1])
    assert joint_counts([x, y], [3, 2]).tolist() == [[0, 1], [2, 0], [0, 1]]


def test_joint_counts_keep_leading_axes_apart() -> None:
    x = torch.stack([draws(1), draws(2)])
    y = torch.stack([draws(3), draws(4)])
    together = joint_counts([x, y], [4, 4])
    for k in range(2):
        assert torch.equal(together[k], joint_counts([x[k], y[k]], [4, 4]))


def test_entropy_of_a_fair_coin_and_of_a_constant() -> None:
    assert entropy(torch.tensor([5.0, 5.0]).double()).item() == pytest.approx(log(2), abs=1e-12)
    assert entropy(torch.tensor([7.0, 0.0]).double()).item() == 0


def test_entropy_of_a_skewed_coin() -> None:
    expected = -(0.25 * log(0.25) + 0.75 * log(0.75))
    assert entropy(torch.tensor([1.0, 3.0]).double()).item() == pytest.approx(expected, abs=1e-12)


def test_miller_madow_adds_cells_less_one_over_twice_the_samples() -> None:
    counts = torch.tensor([3.0, 5.0, 0.0, 2.0]).double()
    correction = entropy(counts, corrected=True) - entropy(counts)
    assert correction.item() == pytest.approx((3 - 1) / (2 * 10), abs=1e-12)


def test_xor_is_synergy_of_one_bit() -> None:
    x, y = TRIPLES
    counts = counts3(x, x ^ y, y)
    assert conditional_mutual_information(counts).item() == pytest.approx(log(2), abs=1e-12)
    assert mutual_information(counts.sum(-1)).item() == pytest.approx(0, abs=1e-12)
    assert interaction_information(counts).item() == pytest.approx(-log(2), abs=1e-12)


def test_copies_add_nothing_given_each_other() -> None:
    x = torch.tensor([0, 1])
    counts = counts3(x, x, x)
    assert conditional_mutual_information(counts).item() == pytest.approx(0, abs=1e-12)
    assert interaction_information(counts).item() == pytest.approx(log(2), abs=1e-12)


def test_a_copy_given_something_independent_is_its_entropy() -> None:
    x, z = TRIPLES
    assert conditional_mutual_information(counts3(x, x, z)).item() == pytest.approx(
        log(2), abs=1e-12
    )


def test_independent_variables_share_nothing_after_correction() -> None:
    counts = counts3(draws(1), draws(2), draws(3), bins=4)
    assert abs(mutual_information(counts.sum(-1), corrected=True).item()) < 1e-3
    assert abs(conditional_mutual_information(counts, corrected=True).item()) < 2e-3
    raw = conditional_mutual_information(counts).item()
    assert raw > abs(conditional_mutual_information(counts, corrected=True).item())


def test_conditional_information_is_never_negative() -> None:
    for seed in range(20):
        x, y, z = (draws(3 * seed + k, samples=50) for k in range(3))
        assert conditional_mutual_information(counts3(x, y, z, bins=4)).item() >= -1e-12


def test_interaction_information_is_symmetric() -> None:
    x, y = draws(1, 500, 2), draws(2, 500, 2)
    z = (x & y) ^ (draws(3, 500, 10) == 0).long()
    orders = [counts3(x, y, z), counts3(y, z, x), counts3(z, x, y)]
    values = [interaction_information(c).item() for c in orders]
    assert values == pytest.approx([values[0]] * 3, abs=1e-12)


def test_correlated_gaussians_by_quantiles() -> None:
    rng, rho = np.random.default_rng(0), 0.8
    a = rng.normal(size=400_000)
    b = rho * a + np.sqrt(1 - rho**2) * rng.normal(size=len(a))
    bins = 40
    x, y = (torch.from_numpy(np.argsort(np.argsort(v)) * bins // len(v)) for v in (a, b))
    estimate = mutual_information(joint_counts([x, y], [bins, bins]), corrected=True).item()
    assert estimate == pytest.approx(-0.5 * log(1 - rho**2), abs=0.02)


def test_agrees_with_scikit_learn() -> None:
    x = draws(5, 3000)
    y = (x + draws(6, 3000, 3)) % 4
    counts = joint_counts([x, y], [4, 4])
    assert mutual_information(counts).item() == pytest.approx(mutual_info_score(x, y), abs=1e-10)
    assert normalized_mutual_information(counts).item() == pytest.approx(
        normalized_mutual_info_score(x, y), abs=1e-10
    )


def test_normalised_information_of_constants_is_zero() -> None:
    counts = torch.tensor([[9.0, 0.0], [0.0, 0.0]]).double()
    assert normalized_mutual_information(counts).item() == 0


def test_shapley_value_of_two_players_by_hand() -> None:
    # v(a) = 3, v(b) = 1, v(ab) = 6: a gets ½(3 + (6 − 1)) = 4, b gets ½(1 + (6 − 3)) = 2
    values = torch.tensor([0.0, 3.0, 1.0, 6.0]).double()
    assert shapley_values(values).tolist() == pytest.approx([4.0, 2.0])


def test_shapley_value_of_the_glove_game() -> None:
    # player 0 holds a left glove, players 1 and 2 a right one each; a pair is worth 1
    worth = [float(bool(s & 1) and bool(s & 6)) for s in range(8)]
    values = shapley_values(torch.tensor(worth).double())
    assert values.tolist() == pytest.approx([4 / 6, 1 / 6, 1 / 6])


@pytest.mark.parametrize("players", range(1, 7))
def test_shapley_values_sum_to_what_everyone_adds(players: int) -> None:
    generator = torch.Generator().manual_seed(players)
    values = torch.rand(5, 2**players, generator=generator, dtype=torch.float64)
    shares = shapley_values(values)
    assert torch.allclose(shares.sum(-1), values[:, -1] - values[:, 0], atol=1e-12)


def test_a_player_who_adds_nothing_gets_nothing() -> None:
    worth = torch.tensor([float((s & ~2).bit_count()) for s in range(8)]).double()
    assert shapley_values(worth).tolist() == pytest.approx([1.0, 0.0, 1.0])
    assert shapley_matrix(3).shape == (8, 3)
