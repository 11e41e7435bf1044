"""k-means and purity, against closed forms and scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.cluster import KMeans

from armtune.balancing._clustering import clusters, first_centres, purity

F64 = torch.float64


def clouds(generator: torch.Generator, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Two members' samples around three centres of their own."""
    labels = torch.arange(60).expand(2, -1) % 3
    centres = torch.randn(2, 3, 5, generator=generator, dtype=F64) * 4
    points = centres.gather(1, labels.unsqueeze(2).expand(-1, -1, 5))
    return points + noise * torch.randn(2, 60, 5, generator=generator, dtype=F64), labels


def test_purity_by_hand() -> None:
    # two groups: one of classes 0 0 1, one of classes 1 1 1 0 0
    points = torch.tensor([0.0, 0.1, 0.2, 9.0, 9.1, 9.2, 9.3, 9.4], dtype=F64)[None, :, None]
    labels = torch.tensor([[0, 0, 1, 1, 1, 1, 0, 0]])
    draws = torch.tensor([[[0.1, 0.6]]], dtype=F64)
    assert purity(points, labels, 2, draws).tolist() == [(2 + 3) / 8]


def test_clouds_apart_are_pure_whatever_the_draws() -> None:
    generator = torch.Generator().manual_seed(2)
    points, labels = clouds(generator, 0.01)
    for _ in range(5):
        draws = torch.rand(2, 1, 3, generator=generator, dtype=F64)
        assert purity(points, labels, 3, draws).tolist() == [1, 1]


def test_clusters_are_those_of_scikit_learn_from_the_same_centres() -> None:
    generator = torch.Generator().manual_seed(4)
    points, _ = clouds(generator, 3.0)
    draws = torch.rand(2, 1, 3, generator=generator, dtype=F64)
    found = clusters(points, draws)
    for member in range(2):
        start = first_centres(points, draws[:, 0])[member].numpy()
        theirs = KMeans(3, init=start, n_init=1, max_iter=300, tol=0, algorithm="lloyd")
        assert found[member].tolist() == theirs.fit_predict(points[member].numpy()).tolist()


def test_the_tightest_of_several_starts_is_kept() -> None:
    # Three pairs: the poor start has two centres in the last one, and the others share the third.
    points = torch.tensor([0.0, 0.1, 5.0, 5.1, 50.0, 50.1], dtype=F64)[None, :, None]
    poor, good = [0.99, 0.9999995, 0.0], [0.0, 0.99, 0.5]
    apart = [[0, 0, 1, 1, 2, 2]]
    labels = torch.tensor(apart)
    pure = [purity(points, labels, 3, torch.tensor([[d]], dtype=F64)).item() for d in (poor, good)]
    assert pure[0] < 1 == pure[1]
    for draws in ([poor, good], [good, poor]):
        assert purity(points, labels, 3, torch.tensor([draws], dtype=F64)).item() == 1


def test_members_are_clustered_as_if_alone() -> None:
    generator = torch.Generator().manual_seed(5)
    points, _ = clouds(generator, 3.0)
    draws = torch.rand(2, 1, 3, generator=generator, dtype=F64)
    together = clusters(points, draws)
    for k in range(2):
        assert torch.equal(together[k : k + 1], clusters(points[k : k + 1], draws[k : k + 1]))


def test_first_centres_are_drawn_by_squared_distance() -> None:
    points = torch.tensor([0.0, 1.0, 3.0], dtype=F64)[None, :, None]
    # the first draw takes the first point; squared distances to it are 0, 1 and 9
    for draw, expected in ((0.05, 1.0), (0.0999, 1.0), (0.1001, 3.0), (0.99, 3.0)):
        centres = first_centres(points, torch.tensor([[0.2, draw]], dtype=F64))
        assert centres.flatten().tolist() == [0.0, expected]


def test_points_all_alike_are_one_cluster() -> None:
    points, labels = torch.ones(1, 6, 2, dtype=F64), torch.arange(6)[None] % 3
    draws = torch.tensor([[[0.1, 0.5, 0.9]]], dtype=F64)
    assert purity(points, labels, 3, draws).item() == pytest.approx(1 / 3)
