"""A value: squared error, R² and information against closed forms, in float64."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from sklearn import metrics as theirs

from armtune.errors import DataError
from armtune.targets import restored
from armtune.targets.values import BINS, Values, quantile_codes
from armtune.valuation import histogram_values, published_contributions, variational_values

F64 = torch.float64
TARGET = Values(("price",), mean=5.0, std=2.0)


def correlated(rho: float, samples: int = 20_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Standard normal pairs of exactly this correlation, ``(1, sample)`` each."""
    draw = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, samples, generator=draw, dtype=F64)
    x = (x - x.mean()) / x.std(correction=0)
    noise = noise - noise.mean() - (noise * x).mean() * x
    noise = noise / noise.std(correction=0)
    return x[None], (rho * x + (1 - rho**2) ** 0.5 * noise)[None]


def test_metrics_equal_scikit_learns_in_the_own_unit() -> None:
    outputs, truth = correlated(0.8, 300)
    outputs = 1.3 * outputs + 0.2
    tally = TARGET.tally(1, outputs)
    for piece in (slice(0, 7), slice(7, None)):
        tally.add(outputs[:, piece, None], outputs[:, piece], truth[:, piece])
    found = {name: value.item() for name, value in tally.metrics().items()}
    own, real = (2 * x[0].numpy() + 5 for x in (outputs, truth))
    assert found["mae"] == pytest.approx(theirs.mean_absolute_error(real, own))
    assert found["rmse"] == pytest.approx(theirs.root_mean_squared_error(real, own))
    assert found["pearson"] == pytest.approx(0.8)
    marks = TARGET.marks(outputs, truth).sum(-1)
    r2 = TARGET.scores(marks, torch.tensor(300)).item()
    assert r2 == pytest.approx(theirs.r2_score(real, own))


def test_the_mean_scores_nothing_and_worse_scores_less() -> None:
    truth = torch.tensor([[1.0, 2.0, 3.0]], dtype=F64)
    for told, r2 in ((2.0, 0.0), (0.0, -6.0)):
        marks = TARGET.marks(torch.full_like(truth, told), truth).sum(-1)
        assert TARGET.scores(marks, torch.tensor(3)).item() == pytest.approx(r2)
    tally = TARGET.tally(1, truth)
    tally.add(truth[..., None], truth, truth)
    score, loss = tally.blind()
    assert score.item() == 0
    assert loss.item() == pytest.approx(1 / 3)  # half the variance
    assert TARGET.uncertainty(truth[0]) == pytest.approx(1 / 3)


def test_constants_make_no_metric_infinite() -> None:
    same = torch.full((1, 4), 0.1, dtype=F64)
    tally = TARGET.tally(1, same)
    tally.add(same[..., None], same, same)
    assert tally.metrics()["pearson"].item() == 0
    assert TARGET.scores(TARGET.marks(same + 1, same).sum(-1), torch.tensor(4)).item() == 0
    nothing = torch.zeros(1, dtype=F64)
    assert TARGET.told(nothing, nothing).isfinite().all()
    assert TARGET.told(nothing, nothing + 1).item() == pytest.approx(-log(1e-12) / 2)


@pytest.mark.parametrize("rho", [0.3, 0.9])
def test_the_best_linear_guess_tells_the_information_of_a_gaussian(rho: float) -> None:
    x, y = correlated(rho)
    loss = TARGET.losses(rho * x[..., None], y).mean(1)
    information = -0.5 * log(1 - rho**2)
    assert TARGET.told(loss, torch.tensor([0.5], dtype=F64)).item() == pytest.approx(information)
    # ARM's bound holds the deviation at the values' own: ½ (1 − MSE) = ½ ρ², a little less.
    logits = torch.stack([0 * x, rho * x], dim=1)[..., None]
    bound = variational_values(TARGET, logits, y, TARGET.uncertainty(y[0]))[0, 1].item()
    assert bound == pytest.approx(rho**2 / 2)
    assert bound < information
    # Counts by eighths lose some of it, and find no more than there is.
    counted = histogram_values(TARGET, logits, y)[0, 1].item()
    assert 0.8 * information < counted < information


def test_a_copy_tells_all_of_its_eighths_and_a_constant_nothing() -> None:
    y = torch.arange(80, dtype=F64)[None]
    logits = torch.stack([0 * y, y, 0 * y + 3, y], dim=1)[..., None]
    values = histogram_values(TARGET, logits, y)[0]
    copy = log(BINS) + (BINS - 1) / 160  # with Miller and Madow's correction
    assert values.tolist() == pytest.approx([0, copy, 0, copy])
    shares = published_contributions(TARGET, logits, y)
    # n = 1 and 0; given a constant 1 is left; likelihoods of exact outputs are 1
    assert shares[0].tolist() == pytest.approx([1, 0], abs=1e-9)


def test_intervals_hold_alike_and_equal_values_stay_together() -> None:
    codes = quantile_codes(torch.randperm(64, generator=torch.Generator().manual_seed(1)).double())
    assert torch.bincount(codes).tolist() == [8] * BINS
    tied = quantile_codes(torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]))
    assert len(tied[:4].unique()) == len(tied[4:].unique()) == 1
    assert quantile_codes(torch.tensor([torch.nan, 1.0, 2.0])).max() < BINS


def test_values_are_standardised_by_the_training_samples_alone() -> None:
    values = np.array([1.0, 3.0, 100.0])
    target = Values(("x",)).fitted(values, np.arange(2), "here")
    assert (target.mean, target.std) == (2, 1)
    scaled = target.tensor(values, "cpu", F64)
    assert scaled.tolist() == [-1, 1, 98]
    assert target.served(scaled).tolist() == values.tolist()
    assert restored(target.about()) == target
    outputs, labels = target.measured(scaled[:, None], scaled)
    assert outputs[:, 0].tolist() == labels.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.array(["1.5", "x"]), "needs numbers .*'x'"),
        (np.zeros((3, 2)), r"needs one number a sample, not float64 of shape \(3, 2\)"),
        (np.array([True]), "needs one number a sample, not bool"),
        (np.array([0.0, np.nan]), "the value of sample 1 is missing or infinite"),
    ],
)
def test_what_is_no_value_is_refused(raw: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=f"^here: .*{message}"):
        Values.read(raw, "here")


def test_a_constant_value_cannot_be_learnt() -> None:
    with pytest.raises(DataError, match=r"all training samples have the same value, 0\.1"):
        Values(("x",)).fitted(np.array([0.1, 0.1, 0.1, 2.0]), np.arange(3), "here")


def test_numbers_in_text_are_read_and_what_users_get() -> None:
    target, values = Values.read(np.array(["1.5", "-2"]), "here")
    assert values.tolist() == [1.5, -2]
    said = target.prediction(np.array([[1234567.9], [0.1]], np.float32))
    assert list(said.rows()) == [["1.2345679e+06"], ["0.1"]]
    assert list(said.records()) == [{"value": 1234567.9}, {"value": 0.1}]
    assert TARGET.columns == ["price"]
