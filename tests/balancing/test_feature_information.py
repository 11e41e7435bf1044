"""The estimator of ARM's released code against a restatement of it in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from armtune.balancing._feature_information import (
    binned,
    released_conditional,
    released_contributions,
)
from armtune.balancing._valuation import _normalized_conditional
from armtune.balancing.arm import Arm, Reinforcer
from armtune.errors import RecipeError
from armtune.information import joint_counts, normalized_mutual_information
from tests.balancing.toys import F64, toy_context, toy_network

Numbers = NDArray[Any]
COUNTS = np.array(
    [
        [[58, 12, 3], [2, 3, 3], [0, 0, 0]],
        [[0, 0, 0], [3, 45, 2], [5, 0, 0]],
        [[4, 0, 1], [8, 0, 0], [13, 24, 14]],
    ]
)
"""How many of 200 samples have each combination of three variables' three codes."""


def entropy(p: Numbers) -> float:
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def restated_information(x: Numbers, y: Numbers, bins: int = 30) -> float:
    joint = np.histogram2d(x, y, bins)[0] / len(x)
    apart = entropy(joint.sum(0)) + entropy(joint.sum(1))
    return 2 * (apart - entropy(joint)) / apart


def restated_conditional(x: Numbers, y: Numbers, z: Numbers, bins: int = 2) -> float:
    joint = np.histogramdd(np.stack([x, y, z], axis=1), bins)[0] / len(x)
    given = np.maximum(joint.sum((0, 1)), 1e-10)[:, None, None]
    of_x, of_y, of_both = (entropy(p / given) for p in (joint.sum(1), joint.sum(0), joint))
    return (of_x + of_y - of_both) / (of_x + of_y)


def codes() -> tuple[Numbers, Numbers, Numbers]:
    """A modality's codes, the fused ones and the other modality's."""
    cells = np.repeat(np.arange(27), COUNTS.flatten())
    x, y, z = np.unravel_index(cells, (3, 3, 3))
    return x, y, z


def test_quoted_numbers_on_the_same_integer_codes() -> None:
    x, y, z = codes()
    assert len(x) == 200
    counts = joint_counts([torch.from_numpy(v)[None] for v in (x, y, z)], [3, 3, 3])
    information = normalized_mutual_information(counts.sum(-1)).item()
    theirs, ours = released_conditional(counts).item(), _normalized_conditional(counts).item()
    assert information == pytest.approx(restated_information(x, y), abs=1e-9)
    assert theirs == pytest.approx(restated_conditional(x, y, z, 3), abs=1e-9)
    assert information == pytest.approx(0.6164, abs=5e-5)
    assert theirs == pytest.approx(0.345, abs=5e-4)
    assert ours == pytest.approx(0.702, abs=5e-4)


@pytest.mark.parametrize("bins", [2, 30])
def test_bins_are_those_of_numpy(bins: int) -> None:
    values = np.random.default_rng(1).normal(size=500)
    counts = torch.bincount(binned(torch.from_numpy(values)[None], bins)[0], minlength=bins)
    assert counts.tolist() == np.histogram(values, bins)[0].tolist()


def test_contributions_restated() -> None:
    rng = np.random.default_rng(5)
    image, audio = rng.normal(size=(2, 40, 8))
    both = image + 0.5 * audio
    p_image, p_audio, p_both = 0.6, 0.3, 0.8
    flat = [x.flatten() for x in (image, audio, both)]
    expected = []
    for own, other, p_other in ((0, 1, p_audio), (1, 0, p_image)):
        alone = restated_information(flat[own], flat[2])
        given = restated_conditional(flat[own], flat[2], flat[other])
        expected.append(p_both * alone + p_other * (alone - given))
    features = [torch.from_numpy(x)[None] for x in (image, audio, both)]
    shares = [torch.tensor([p], dtype=F64) for p in (p_image, p_audio, p_both)]
    assert released_contributions(features, shares)[0].tolist() == pytest.approx(expected, abs=1e-9)


def test_of_independent_variables_it_is_nowhere_near_zero() -> None:
    x, y, z = np.random.default_rng(0).normal(size=(3, 20_000))
    counts = joint_counts([binned(torch.from_numpy(v)[None], 2) for v in (x, y, z)], [2, 2, 2])
    assert abs(released_conditional(counts).item()) > 0.1
    assert abs(_normalized_conditional(counts).item()) < 1e-3


def test_samples_without_a_modality_do_not_count() -> None:
    features = list(torch.randn(3, 1, 9, 4, dtype=F64).clamp(-1, 1))
    for f in features:
        f[0, 0], f[0, 1] = -1, 1
    shares = [torch.ones(1, dtype=F64)] * 3
    there = torch.arange(9)[None] < 6
    found = released_contributions(features, shares, there)
    assert torch.allclose(found, released_contributions([f[:, :6] for f in features], shares))
    assert not torch.allclose(found, released_contributions(features, shares))


def test_modalities_of_different_lengths_are_refused_by_their_names() -> None:
    network = toy_network()
    network.sizes = {"image": 8, "audio": 5}
    with pytest.raises(RecipeError, match="image 8, audio 5"):
        Reinforcer([Arm(contribution="published")], toy_context(network))


def test_the_projection_is_the_members_own() -> None:
    pair, alone = (
        Reinforcer(
            [Arm(contribution="published")] * len(seeds), toy_context(toy_network(), seeds=seeds)
        )
        for seeds in ((3, 4), (4,))
    )
    assert torch.equal(pair.projection.weight[1], alone.projection.weight[0])
    assert not torch.equal(pair.projection.weight[0], pair.projection.weight[1])
