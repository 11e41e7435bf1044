"""Several labels: their losses, scores and metrics by hand and as scikit-learn has them."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from sklearn import metrics as theirs

from armtune.balancing._valuation import histogram_values, variational_values
from armtune.errors import DataError
from armtune.information import mutual_information
from armtune.targets import restored
from armtune.targets.labels import Labels, average_precision

F64 = torch.float64
TARGET = Labels(("cat", "dog", "owl"))


def drawn(samples: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs that know something of the labels, ``(1, sample, label)`` both."""
    draw = torch.Generator().manual_seed(0)
    truth = (
        torch.rand(1, samples, 3, generator=draw, dtype=F64) < torch.tensor([0.5, 0.3, 0.1])
    ).double()
    return 2 * truth - 1 + torch.randn(1, samples, 3, generator=draw, dtype=F64), truth


def tallied(outputs: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    tally = TARGET.tally(1, outputs)
    for piece in (slice(0, 7), slice(7, None)):
        tally.add(outputs[:, piece], TARGET.decide(outputs[:, piece]), truth[:, piece])
    score, _ = tally.blind()
    return {n: v.item() for n, v in {**tally.metrics(), "blind": score}.items()}


def score_of(outputs: torch.Tensor, truth: torch.Tensor) -> float:
    marks = TARGET.marks(TARGET.decide(outputs), truth).sum(-1)
    return TARGET.scores(marks, torch.tensor(truth.shape[1])).item()


def test_metrics_equal_scikit_learns() -> None:
    outputs, truth = drawn()
    found, told, real = tallied(outputs, truth), (outputs[0] > 0).numpy(), truth[0].numpy()
    assert score_of(outputs, truth) == pytest.approx(theirs.f1_score(real, told, average="micro"))
    assert found["macro_f1"] == pytest.approx(theirs.f1_score(real, told, average="macro"))
    mean = theirs.average_precision_score(real, outputs[0].numpy(), average="macro")
    assert found["mean_average_precision"] == pytest.approx(mean)
    assert found["subset_accuracy"] == pytest.approx(theirs.accuracy_score(real, told))
    assert found["label_accuracy"] == pytest.approx((real == told).mean())


def test_average_precision_of_equal_outputs_is_the_share_that_have_the_label() -> None:
    outputs, truth = torch.zeros(1, 5, 1), torch.tensor([[[1], [0], [0], [1], [0]]]) > 0
    assert average_precision(outputs, truth).item() == pytest.approx(0.4)
    assert average_precision(outputs, torch.zeros_like(truth)).item() == 0


def test_a_label_that_a_split_lacks_leaves_the_means_alone() -> None:
    outputs, truth = drawn()
    outputs[..., 2], truth[..., 2] = -9, 0
    found, two = tallied(outputs, truth), slice(0, 2)
    told, real = (outputs[0] > 0).numpy()[:, two], truth[0].numpy()[:, two]
    assert found["macro_f1"] == pytest.approx(theirs.f1_score(real, told, average="macro"))
    mean = theirs.average_precision_score(real, outputs[0].numpy()[:, two], average="macro")
    assert found["mean_average_precision"] == pytest.approx(mean)


def test_the_blind_say_what_is_likelier_than_not() -> None:
    truth = torch.tensor([[[1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]]]).double()
    # cat always: 3 right of 4 found and 5 there
    assert tallied(truth, truth)["blind"] == pytest.approx(2 * 3 / (4 + 5))
    _, loss = (tally := TARGET.tally(1, truth)).add(truth, truth > 0, truth), tally.blind()[1]
    quarter = -(0.25 * log(0.25) + 0.75 * log(0.75))
    assert loss.item() == pytest.approx(quarter)
    assert TARGET.uncertainty(truth[0]) == pytest.approx(quarter)


def test_nothing_found_and_nothing_there_scores_nothing() -> None:
    nothing = torch.zeros(1, 4, 3)
    assert score_of(nothing - 1, nothing) == 0


def test_the_loss_is_the_mean_of_binary_cross_entropies() -> None:
    outputs = torch.tensor([[[log(3), -log(3), 0.0]]], dtype=F64)
    truth = torch.tensor([[[1.0, 1.0, 0.0]]], dtype=F64)
    expected = -(log(3 / 4) + log(1 / 4) + log(1 / 2)) / 3
    assert TARGET.losses(outputs, truth).item() == pytest.approx(expected)
    assert TARGET.likelihoods(outputs, truth).item() == pytest.approx((3 / 4 / 4 / 2) ** (1 / 3))
    several = TARGET.losses(outputs.unsqueeze(1).expand(-1, 2, -1, -1), truth)
    assert several.flatten().tolist() == pytest.approx([expected] * 2)
    told = TARGET.log_probabilities(outputs).exp()[0, 0]
    assert told[0].tolist() == pytest.approx([3 / 4, 1 / 4])


def test_a_subset_is_worth_what_it_tells_of_the_mean_label() -> None:
    labels = torch.tensor([[[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]] * 25]).double()
    sure = 80 * (2 * labels - 1)
    half = sure * torch.tensor([1.0, 0.0, 0.0])  # knows the first label alone
    logits = torch.stack([torch.zeros_like(sure), half, sure, sure], dim=1)
    values = variational_values(TARGET, logits, labels, log(2))[0]
    assert values.tolist() == pytest.approx([0, log(2) / 3, log(2), log(2)], abs=1e-9)
    counted = histogram_values(TARGET, logits, labels)[0]
    # a copy: log 2, and (2 − 1) / 2N of Miller and Madow; a constant tells nothing
    one = log(2) + 1 / 200
    assert counted.tolist() == pytest.approx([0, one / 3, one, one], abs=1e-9)
    counts = torch.tensor([[50.0, 0.0], [0.0, 50.0]], dtype=F64)
    assert mutual_information(counts, True).item() == pytest.approx(one)


def test_text_and_matrices_are_read() -> None:
    target, labels = Labels.read(np.array(["dog; cat", "", "owl"]), "here")
    assert target.names == ("cat", "dog", "owl")
    assert labels.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
    named, same = Labels.read(labels.astype(int), "here", ("a", "b", "c"))
    assert named.names == ("a", "b", "c")
    assert (same == labels).all()
    assert Labels.read(labels, "here")[0].names == ("0", "1", "2")
    assert len(np.unique(target.strata(labels))) == 3
    assert restored(target.about()) == target


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.array([[0, 2]]), "needs a matrix of 0 and 1"),
        (np.array([0, 1]), "needs a matrix of 0 and 1"),
        (np.zeros((3, 2)), "has 2 labels, but 3 names"),
    ],
)
def test_what_is_no_labels_is_refused(raw: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=f"^here: .*{message}"):
        Labels.read(raw, "here", ("a", "b", "c"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[1, 0, 1], [0, 0, 1], [0, 1, 0]], "no training sample has the label 'dog'"),
        ([[1, 1, 1], [0, 0, 1], [0, 1, 0]], "all training samples have the label 'owl'"),
    ],
)
def test_labels_that_cannot_be_learnt_are_named(labels: list[list[int]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        TARGET.fitted(np.array(labels, np.float32), np.arange(2), "here")


def test_what_users_get() -> None:
    said = TARGET.prediction(np.array([[0.9, 0.5, 0.25], [0.1, 0.2, 0.3]], np.float32))
    assert said.names == [["cat"], []]
    assert list(said.rows()) == [["cat", "0.9", "0.5", "0.25"], ["", "0.1", "0.2", "0.3"]]
    assert TARGET.columns == ["labels", "p(cat)", "p(dog)", "p(owl)"]
    assert next(said.records())["labels"] == ["cat"]
