"""Features of many samples: means over those that have a modality, held-out ones in pieces."""

from __future__ import annotations

import pytest
import torch

from armtune.nn.forward import Features
from armtune.testing.toys import TWO, toy_dataset, toy_recipe, with_holes
from armtune.training.loop import Run
from armtune.training.mean_features import all_features, mean_features
from armtune.training.network import MultimodalNet, build_network
from armtune.training.samples import DeviceSplit


def scene() -> tuple[MultimodalNet, DeviceSplit, Features, torch.Tensor]:
    """Two members, thirty samples of which every third lacks audio, and the members' pools."""
    network = build_network([toy_recipe(seed=s) for s in (0, 1)], TWO, 3, torch.float64)
    views = {m: torch.randn(30, *shape).double() for m, shape in TWO.items()}
    there = torch.arange(30) % 3 > 0
    views["audio"][~there] = 0
    split = DeviceSplit(views, torch.arange(30) % 3, {"audio": there})
    pool = torch.stack([torch.randperm(30)[:20] for _ in range(2)])
    with torch.no_grad():
        features = network.encode({m: v.expand(2, *v.shape) for m, v in views.items()})
    return network, split, features, pool


@pytest.mark.parametrize("samples", [5, 2048])
def test_means_are_over_the_first_samples_that_have_it(
    monkeypatch: pytest.MonkeyPatch, samples: int
) -> None:
    monkeypatch.setattr("armtune.training.mean_features.SAMPLES", samples)
    network, split, features, pool = scene()
    means = mean_features(network, split, pool)
    for k, own in enumerate(pool):
        having = own[split.present["audio"][own]][:samples]
        assert torch.allclose(means["audio"][k], features["audio"][k, having].mean(0))
        assert torch.allclose(means["image"][k], features["image"][k, own[:samples]].mean(0))


def test_held_out_samples_are_encoded_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    network, split, features, pool = scene()
    monkeypatch.setattr("armtune.training.evaluation.CHUNK", 14)
    found, labels = all_features(network, split, pool)
    assert torch.equal(labels, split.labels[pool])
    for k, own in enumerate(pool):
        assert torch.allclose(found["image"][k], features["image"][k, own])
        absent = ~split.present["audio"][own]
        assert torch.equal(
            found["audio"][k][absent],
            network.mean_features()["audio"][k].expand(int(absent.sum()), -1),
        )
    assert all_features(network, split, pool[:, :0])[0] == {}


def test_the_untrained_encoders_means_stand_in_from_the_first_step_on() -> None:
    dataset = with_holes(toy_dataset())
    run = Run([toy_recipe()], dataset, dtype=torch.float64)
    expected = mean_features(run.network, run.train, run.pool)
    run.train_steps(lambda: True)
    for m, mean in run.network.mean_features().items():
        assert torch.equal(mean[:, 0], expected[m])
    run.advance()
    after = {m: f.clone() for m, f in run.network.mean_features().items()}
    run.train_steps(lambda: True)
    assert all(torch.equal(f, after[m]) for m, f in run.network.mean_features().items())
