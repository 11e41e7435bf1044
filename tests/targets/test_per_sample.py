"""What each sample counts for a score: the jackknife's pseudo-values."""

from __future__ import annotations

import pytest
import torch

from armtune.targets.classes import Classes
from armtune.targets.labels import Labels
from armtune.targets.values import Values


def test_of_accuracy_it_is_whether_a_sample_is_right() -> None:
    right = torch.tensor([[True, False, True, True, False]])
    counts = Classes(("a", "b")).per_sample(right)
    torch.testing.assert_close(counts, right[0].double())


def test_of_micro_f1_it_follows_the_definition() -> None:
    marks = torch.tensor([[1, 0, 2], [1, 1, 2], [2, 0, 3]])  # found and there, found, there
    whole = 2 * 3 / (4 + 5)
    without = [2 * 2 / (3 + 3), 2 * 3 / (3 + 5), 2 * 1 / (2 + 2)]
    expected = torch.tensor([3 * whole - 2 * w for w in without], dtype=torch.float64)
    torch.testing.assert_close(Labels(("a", "b", "c")).per_sample(marks), expected)


def test_of_r2_its_spread_is_that_of_repeated_draws() -> None:
    generator = torch.Generator().manual_seed(0)
    target, draws, errors = Values(("v",)), [], []
    for _ in range(200):
        truth = torch.randn(1, 300, generator=generator, dtype=torch.float64)
        told = truth + torch.randn(1, 300, generator=generator, dtype=torch.float64) / 2
        marks = target.marks(told, truth)[0]
        counts = target.per_sample(marks)
        draws.append(float(target.scores(marks.sum(-1), torch.tensor(300.0))))
        errors.append(float(counts.std()) / 300**0.5)
    assert torch.tensor(draws).std().item() == pytest.approx(sum(errors) / 200, rel=0.15)


def test_one_sample_alone() -> None:
    assert Classes(("a", "b")).per_sample(torch.tensor([[True]])).tolist() == [1.0]
