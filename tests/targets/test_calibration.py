"""Temperatures and thresholds against what they are defined by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from armtune.targets import restored
from armtune.targets._calibration import ENOUGH, LEAST, thresholds_of
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels

DRAW = torch.Generator().manual_seed(0)
TARGET, SEVERAL = Classes(("a", "b", "c", "d")), Labels(("x", "y"))


def drawn(samples: int, width: int) -> torch.Tensor:
    return torch.randn(samples, width, generator=DRAW, dtype=torch.float64)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_outputs_were_multiplied_with(factor: float) -> None:
    right = 2 * drawn(20_000, 4)
    labels = torch.multinomial(right.softmax(1), 1, generator=DRAW).squeeze(1)
    found = TARGET.calibrated(factor * right, labels)
    assert found.temperature == pytest.approx(factor, rel=0.05)
    # At the best one, the true classes' outputs are in the mean what they are expected to be.
    outputs = factor * right
    expected = (found.served(outputs) * outputs).sum(1).mean()
    true = outputs.gather(1, labels.unsqueeze(1)).mean()
    assert float(true) == pytest.approx(float(expected), abs=1e-3)


def test_what_is_likeliest_stays_so() -> None:
    outputs = 30 * drawn(10_000, 4)
    labels = torch.randint(4, (10_000,), generator=DRAW)
    found = TARGET.calibrated(outputs, labels)
    assert found.temperature > 5
    assert torch.equal(found.served(outputs).argmax(1), outputs.argmax(1))


def test_where_all_is_right_it_has_an_end() -> None:
    labels = torch.arange(40) % 4
    outputs = torch.nn.functional.one_hot(labels, 4).double()
    assert LEAST <= TARGET.calibrated(outputs, labels).temperature < 2 * LEAST


def test_labels_share_a_temperature_and_have_a_threshold_each() -> None:
    right = drawn(5000, 2) - torch.tensor([0.0, 2.5])
    truth = (torch.rand(5000, 2, generator=DRAW, dtype=torch.float64) < right.sigmoid()).double()
    found = SEVERAL.calibrated(4 * right, truth)
    assert found.temperature == pytest.approx(4, rel=0.1)
    served = found.served(4 * right)
    said = found.said(served.numpy())
    for k in range(2):
        best = max(
            f1_score(truth[:, k], served[:, k] > bound) for bound in np.linspace(0.01, 0.99, 99)
        )
        assert f1_score(truth[:, k], said[:, k]) >= best - 1e-9
    assert found.thresholds[1] < 0.5


def test_a_threshold_lies_between_two_that_occur_and_equals_stay_together() -> None:
    given = torch.tensor([[0.9], [0.7], [0.7], [0.2]]).repeat(10, 1)
    truth = torch.tensor([[True], [True], [False], [False]]).repeat(10, 1)
    assert thresholds_of(given, truth) == (pytest.approx(0.45),)


def test_a_rare_label_keeps_one_half() -> None:
    truth = torch.zeros(200, 1, dtype=torch.bool)
    truth[: ENOUGH - 1] = True
    assert thresholds_of(torch.rand(200, 1, generator=DRAW), truth) == (0.5,)


def test_what_was_fitted_is_restored_and_nothing_is_said_where_nothing_was() -> None:
    found = Labels(("x", "y"), temperature=1.5, thresholds=(0.25, 0.5))
    assert restored(found.about()) == found
    assert SEVERAL.about() == {"kind": "labels", "names": ("x", "y")}
    assert restored(SEVERAL.about()) == SEVERAL
