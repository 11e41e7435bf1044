"""Greedy selection with replacement, by hand; means of predictions are what models serve."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from armtune.sweeps.study.ensemble import greedy, ranking
from armtune.targets import Target
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels
from armtune.targets.values import Values

TWO = Classes(("no", "yes"))
LABELS = torch.tensor([0, 0, 1, 1])


def outputs(*right: float) -> torch.Tensor:
    """Outputs that give the right class of each of the four samples these probabilities."""
    p = torch.tensor(right, dtype=torch.float64)
    rows = torch.stack([p, 1 - p], dim=1)
    return torch.where(LABELS.unsqueeze(1) == 0, rows, rows.flip(1)).log()


def drawn(*models: torch.Tensor, draws: int = 6) -> Counter[int]:
    return greedy(models, TWO, ranking(TWO, LABELS), draws)


def test_models_that_err_on_other_samples_are_drawn_together() -> None:
    left, right = outputs(0.9, 0.9, 0.2, 0.9), outputs(0.2, 0.9, 0.9, 0.9)
    assert drawn(outputs(0.1, 0.1, 0.1, 0.1), left, right) == {1: 1, 2: 1}


def test_a_better_model_counts_more() -> None:
    # The share w of the first is best where 2 log(0.9w + 0.3(1−w)) + log(0.3w + 0.9(1−w)) is.
    good, other = outputs(0.9, 0.9, 0.3, 0.9), outputs(0.3, 0.3, 0.9, 0.9)
    counts = drawn(good, other, draws=12)
    shares = torch.linspace(0, 1, 1001, dtype=torch.float64)
    told = 2 * (0.9 * shares + 0.3 * (1 - shares)).log() + (0.3 * shares + 0.9 * (1 - shares)).log()
    best = float(shares[told.argmax()])
    assert counts[0] / counts.total() == pytest.approx(best, abs=0.05)


def test_a_model_that_none_improves_stays_alone() -> None:
    assert drawn(outputs(0.6, 0.6, 0.6, 0.6), outputs(0.9, 0.9, 0.9, 0.9)) == {1: 1}


def test_no_more_are_drawn_than_allowed() -> None:
    models = [outputs(*(0.3 if k == n else 0.9 for k in range(4))) for n in range(4)]
    assert drawn(*models, draws=4) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert drawn(*models, draws=2).total() == 2


def test_equal_losses_are_decided_by_the_score() -> None:
    rank = ranking(TWO, LABELS)
    first, second = rank(outputs(0.9, 0.9, 0.9, 0.4)), rank(outputs(0.4, 0.9, 0.9, 0.4))
    assert first[1] == -0.75
    assert second[1] == -0.5
    assert first < second


@pytest.mark.parametrize(
    "target", [Classes(("a", "b", "c")), Labels(("a", "b")), Values(("x", "y"))], ids=str
)
def test_what_is_mixed_is_served_as_the_mean(target: Target) -> None:
    if isinstance(target, Values):
        target = replace(target, mean=(1.0, -2.0), std=(3.0, 0.5))
    draw = torch.Generator().manual_seed(0)
    each = 3 * torch.randn(3, 2, 5, target.width, dtype=torch.float64, generator=draw)
    shares = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    expected = torch.tensordot(shares, target.served(each), 1)
    torch.testing.assert_close(target.served(target.mixed(each, shares)), expected)
