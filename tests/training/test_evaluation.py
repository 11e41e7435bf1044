"""Metrics against figures worked out by hand and scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from armtune.metrics import COSTS, metric_names
from armtune.recipe.load import with_overrides
from armtune.targets.classes import Classes
from armtune.training.evaluation import CHUNK, CHUNK_VALUES, Tally, at_a_time, decisions, evaluate
from armtune.training.network import build_network
from armtune.training.samples import DeviceSplit
from tests.conftest import TWO, toy_recipe

THREE = Classes(("a", "b", "c"))


class Scripted(torch.nn.Module):
    """Fuses by adding features up; with identity heads the logits can be written down."""

    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(features.values())).sum(0)


def scripted_tally(
    features: dict[str, torch.Tensor],
    labels: torch.Tensor,
    present: dict[str, torch.Tensor] | None = None,
) -> dict[str, float]:
    """Metrics of a network whose features are its unimodal logits and whose fusion is their sum."""
    recipe = toy_recipe({m: (3,) for m in features})
    network = build_network([recipe], {m: (3,) for m in features}, 3, torch.float64)
    network.fusion = Scripted()
    network.means = torch.zeros(1, 3 * len(features), dtype=torch.float64)
    network.sizes = dict.fromkeys(features, 3)
    for head in network.heads:
        head.weight.data, head.bias.data = (
            torch.eye(3).double()[None],
            torch.zeros(1, 1, 3).double(),
        )
    tally = Tally(network, THREE)
    with torch.no_grad():
        tally.add(decisions(network, features), labels, present)
    return tally.metrics()[0]


def one_hot(*classes: int, strength: float = 1.0) -> torch.Tensor:
    return strength * torch.eye(3).double()[list(classes)][None]


def test_contributions_by_hand() -> None:
    labels = torch.tensor([[0, 1, 2, 2]])
    # strong is right on 3 of 4, weak on 2 of 4; together the stronger logits of strong decide
    strong, weak = one_hot(0, 1, 2, 0, strength=2.0), one_hot(0, 0, 1, 2)
    metrics = scripted_tally({"strong": strong, "weak": weak}, labels)
    assert metrics["accuracy"] == 0.75
    assert metrics["unimodal_accuracy/strong"] == 0.75
    assert metrics["unimodal_accuracy/weak"] == 0.5
    assert metrics["weakest_accuracy"] == 0.5
    assert metrics["missing/weak"] == 0.75
    assert metrics["missing/strong"] == 0.5
    # chance is ½ (two of four labels are 2): ½[(.75 − .5) + (.75 − .5)] and ½[(.5 − .5) + 0]
    assert metrics["contribution/strong"] == pytest.approx(0.25)
    assert metrics["contribution/weak"] == pytest.approx(0.0)
    assert metrics["contribution_gap"] == pytest.approx(0.25)


def test_macro_f1_equals_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    truth, told = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    features = one_hot(*told.tolist())
    metrics = scripted_tally({"a": features, "b": features}, torch.from_numpy(truth)[None])
    assert metrics["macro_f1"] == pytest.approx(f1_score(truth, told, average="macro"))


def test_calibration_error_of_constant_confidence() -> None:
    # confidence e² / (e² + 2) on every sample, right on half of them
    features = one_hot(0, 0, 0, 0)
    metrics = scripted_tally({"a": features, "b": features}, torch.tensor([[0, 0, 1, 2]]))
    confidence = np.exp(2) / (np.exp(2) + 2)
    assert metrics["calibration_error"] == pytest.approx(confidence - 0.5)


def test_has_every_metric_that_is_not_a_methods_own() -> None:
    network = build_network([toy_recipe()], TWO, 3)
    views = {m: torch.zeros(9, *shape) for m, shape in TWO.items()}
    [metrics] = evaluate(network, DeviceSplit(views, torch.arange(9) % 3), THREE)
    own = {name for name in metric_names(TWO, Classes) if name.split("/")[0] in ("phi", "weight")}
    own |= {"train_loss", *COSTS}
    assert set(metrics) | own == set(metric_names(TWO, Classes))


def test_chunks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_network([toy_recipe(), toy_recipe(seed=1)], TWO, 3, torch.float64)
    views = {m: torch.randn(50, *shape).double() for m, shape in TWO.items()}
    labels = torch.arange(50) % 3
    samples = DeviceSplit(views, labels)
    whole = evaluate(network, samples, THREE)
    monkeypatch.setattr("armtune.training.evaluation.CHUNK", 7)
    for one, other in zip(whole, evaluate(network, samples, THREE), strict=True):
        assert one == pytest.approx(other, abs=1e-12)


def test_large_samples_are_encoded_few_at_a_time() -> None:
    """Memory that held a training step must hold a validation pass."""
    shapes = {"image": (3, 224, 224), "audio": (9,)}
    for members in (1, 2):
        network = build_network([toy_recipe(shapes)] * members, shapes, 3)
        subsets = 4 * sum(network.sizes.values())
        assert network.values == 3 * 224 * 224 + 9 + subsets
        assert at_a_time(network) == CHUNK_VALUES // (members * network.values)
    assert at_a_time(build_network([toy_recipe()], TWO, 3)) == CHUNK


def test_a_token_is_as_many_numbers_as_its_embedding() -> None:
    shapes = {"image": (500,), "audio": (9,)}
    bag = {"name": "embedding_bag", "width": 64}
    recipe = with_overrides(toy_recipe(shapes), {"modalities.image.encoder": bag})
    network = build_network([recipe], shapes, 3)
    assert network.values == 500 * 64 + 9 + 4 * sum(network.sizes.values())


def test_a_single_modality_contributes_all_beyond_chance() -> None:
    metrics = scripted_tally({"only": one_hot(0, 1, 1, 0)}, torch.tensor([[0, 1, 2, 0]]))
    assert metrics["accuracy"] == 0.75
    assert metrics["contribution/only"] == pytest.approx(0.75 - 0.5)
    assert metrics["missing/only"] == 0.5


def test_information_in_nats_by_hand() -> None:
    labels = torch.tensor([[0, 1, 2]])
    sure, blank = one_hot(0, 1, 2, strength=50.0), torch.zeros(1, 3, 3).double()
    metrics = scripted_tally({"sure": sure, "blank": blank}, labels)
    assert metrics["information/sure"] == pytest.approx(np.log(3))
    assert metrics["information/blank"] == pytest.approx(0, abs=1e-12)
    assert metrics["conditional/sure"] == pytest.approx(np.log(3))
    assert metrics["conditional/blank"] == pytest.approx(0, abs=1e-12)


def test_copies_add_no_information_to_each_other() -> None:
    sure = one_hot(0, 1, 2, strength=50.0)
    metrics = scripted_tally({"a": sure, "b": sure}, torch.tensor([[0, 1, 2]]))
    assert metrics["information/a"] == pytest.approx(np.log(3))
    assert metrics["conditional/a"] == pytest.approx(0, abs=1e-12)


def test_heads_are_judged_on_samples_that_have_their_modality() -> None:
    labels = torch.tensor([[0, 1, 2, 2]])
    sure, there = one_hot(0, 1, 2, 0, strength=50.0), torch.tensor([[True, True, True, False]])
    sure[0, 3] = 0  # what stands in for the absent one
    other = one_hot(0, 0, 1, 2)
    metrics = scripted_tally({"sure": sure, "other": other}, labels, {"sure": there})
    assert metrics["unimodal_accuracy/sure"] == 1
    assert metrics["unimodal_accuracy/other"] == 0.5
    assert metrics["accuracy"] == 1
    assert metrics["missing/other"] == 0.75  # the stand-in decides for the first class
    entropy = -(0.5 * np.log(0.25) + 0.5 * np.log(0.5))
    assert metrics["information/sure"] == pytest.approx(entropy)
