"""A value: squared error, R² and information against closed forms, in float64."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from sklearn import metrics as theirs

from armtune.balancing._valuation import (
    histogram_values,
    interaction_contributions,
    variational_values,
)
from armtune.errors import DataError
from armtune.targets import restored
from armtune.targets.values import BINS, Values, quantile_codes

F64 = torch.float64
TARGET = Values(("price",), mean=(5.0,), std=(2.0,))


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
    shares = interaction_contributions(TARGET, logits, y)
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
    assert (target.mean, target.std) == ((2,), (1,))
    scaled = target.tensor(values, "cpu", F64)
    assert scaled.tolist() == [-1, 1, 98]
    assert target.served(scaled[:, None])[:, 0].tolist() == values.tolist()
    assert restored(target.about()) == target
    outputs, labels = target.measured(scaled[:, None], scaled)
    assert outputs[:, 0].tolist() == labels.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.array(["1.5", "x"]), "needs numbers .*'x'"),
        (np.zeros((3, 2, 1)), r"needs a number a sample, or several, not float64 of shape \(3, 2,"),
        (np.array([True]), "needs a number a sample, or several, not bool"),
        (np.array([0.0, np.nan]), "the value of sample 1 is missing or infinite"),
    ],
)
def test_what_is_no_value_is_refused(raw: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=f"^here: .*{message}"):
        Values.read(raw, "here")


def test_a_constant_value_cannot_be_learnt() -> None:
    with pytest.raises(DataError, match=r"all training samples have the same x, 0\.1"):
        Values(("x",)).fitted(np.array([0.1, 0.1, 0.1, 2.0]), np.arange(3), "here")


def test_numbers_in_text_are_read_and_what_users_get() -> None:
    target, values = Values.read(np.array(["1.5", "-2"]), "here")
    assert values.tolist() == [1.5, -2]
    said = target.prediction(np.array([[1234567.9], [0.1]], np.float32))
    assert list(said.rows()) == [["1.2345679e+06"], ["0.1"]]
    assert list(said.records()) == [{"value": 1234567.9}, {"value": 0.1}]
    assert TARGET.columns == ["price"]


TWO = Values(("price", "size"), mean=(5.0, -1.0), std=(2.0, 0.5))


def pairs(samples: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and true values of two kinds, ``(1, sample, value)``."""
    told, truth = zip(correlated(0.8, samples), correlated(0.3, samples), strict=True)
    return torch.stack(told, -1) * 1.3 + 0.2, torch.stack(truth, -1)


def test_metrics_of_several_values_are_means_over_them() -> None:
    outputs, truth = pairs()
    tally = TWO.tally(1, outputs)
    for piece in (slice(0, 7), slice(7, None)):
        tally.add(outputs[:, piece], TWO.decide(outputs[:, piece]), truth[:, piece])
    found = {name: value.item() for name, value in tally.metrics().items()}
    own, real = (x[0].numpy() for x in (TWO.measured(outputs, truth)))
    assert found["mae"] == pytest.approx(theirs.mean_absolute_error(real, own))
    assert found["rmse"] == pytest.approx(theirs.root_mean_squared_error(real, own))
    assert found["pearson"] == pytest.approx((0.8 + 0.3) / 2)
    decisions = torch.stack([outputs, truth], dim=1)
    marks = TWO.marks(TWO.decide(decisions), truth).sum(-1)
    scores = TWO.scores(marks, torch.tensor([[300, 300]]))[0].tolist()
    assert scores == pytest.approx([theirs.r2_score(real, own), 1.0])


def test_losses_of_several_values_are_means_and_told_a_lower_bound() -> None:
    outputs, truth = (x[..., [0, 1]] for x in pairs(20_000))
    best = torch.stack([0.8 * truth[..., 0], 0.3 * truth[..., 1]], -1)
    each = [TARGET.losses(best[..., [k]], outputs[..., k]).mean(1) for k in range(2)]
    both = TWO.losses(best, outputs)
    assert both.shape == (1, 20_000)
    assert both.mean().item() == pytest.approx(torch.stack(each).mean().item())
    assert TWO.uncertainty(truth[0]) == pytest.approx(0.5)
    half = torch.tensor([0.5], dtype=F64)
    apart = [TARGET.told(half * (1 - rho**2), half).item() for rho in (0.8, 0.3)]
    together = TWO.told(half * (1 - (0.64 + 0.09) / 2), half).item()
    assert 0 < together < sum(apart) / 2


def test_codes_of_several_values_are_one_variable_each() -> None:
    outputs, truth = pairs()
    codes, labels = TWO.codes(outputs), TWO.label_codes(truth)
    assert codes.shape == labels.shape == (1, 2, 300)
    for k in range(2):
        assert torch.equal(codes[:, [k]], TARGET.codes(outputs[..., [k]]))
        assert torch.equal(labels[:, [k]], TARGET.label_codes(truth[..., k]))
    values = histogram_values(TWO, torch.stack([0 * outputs, outputs], 1), truth)
    assert values[0, 1] > values[0, 0]


def test_several_values_are_read_scaled_and_told_by_their_names() -> None:
    raw = np.array([[1.0, 10.0], [3.0, 30.0], [100.0, 20.0]])
    target, labels = Values.read(raw, "here", ["price", "size"])
    assert isinstance(target, Values)
    target = target.fitted(labels, np.arange(2), "here")
    assert (target.mean, target.std) == ((2, 20), (1, 10))
    assert str(target) == "values of price, size"
    assert restored(target.about()) == target
    scaled = target.tensor(labels, "cpu", F64)
    assert scaled.tolist() == [[-1, -1], [1, 1], [98, 0]]
    said = target.prediction(target.served(scaled).numpy())
    assert said.values.tolist() == raw.tolist()
    assert next(iter(said.rows())) == ["1.0", "10.0"]
    assert list(said.records())[2] == {"values": {"price": 100.0, "size": 20.0}}
    assert target.columns == ["price", "size"]
    assert target.overview(labels)["size, mean"] == 20
    assert target.units.tolist() == [1.1, 11.0]


def test_several_values_that_cannot_be_are_refused() -> None:
    with pytest.raises(DataError, match="has 2 values a sample, but 1 names"):
        Values.read(np.zeros((3, 2)), "here", ["x"])
    assert Values.read(np.zeros((3, 2)), "here")[0].names == ("value_0", "value_1")
    one, labels = Values.read(np.ones((3, 1)), "here", ["x"])
    assert (one.names, labels.shape) == (("x",), (3,))
    same = np.array([[1.0, 2.0], [3.0, 2.0]])
    with pytest.raises(DataError, match="all training samples have the same size, 2"):
        TWO.fitted(same, np.arange(2), "here")
