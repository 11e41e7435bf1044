"""Unimodal teachers in closed form, in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from armtune.balancing.unimodal_distillation import Pupil, UnimodalDistillation
from armtune.training.loop import Run
from tests.balancing.toys import (
    F64,
    at,
    made_up,
    toy_context,
    toy_network,
    weights_after,
    weights_after_a_break,
)
from tests.conftest import toy_dataset, toy_recipe

METHOD = {"name": "unimodal_distillation"}


def started(**options: float) -> Run:
    run = Run([toy_recipe(balancing={**METHOD, **options})], toy_dataset(), dtype=F64)
    run.balancer.start_epoch(at(run.balancer, 0))
    return run


def test_loss_by_hand() -> None:
    features = {m: torch.zeros(1, 2, 8, dtype=F64) for m in ("image", "audio")}
    step = made_up(features, [0, 1], torch.zeros(1, 2, 3, dtype=F64))
    totals = []
    for weight in (3.0, 0.0):
        pupil = Pupil([UnimodalDistillation(weight=weight)], toy_context(toy_network()))
        pupil.heads_loss = lambda _: torch.zeros(1, dtype=F64)  # type: ignore[method-assign]
        # samples 0 and 1 of 40: distances of 1 and 2 in all units of the image, of 0 and ½
        pupil.targets = {m: torch.zeros(1, 40, 8, dtype=F64) for m in features}
        pupil.targets["image"][0, :3] = torch.tensor([[1.0], [2.0], [9.0]])
        pupil.targets["audio"][0, 1] = 0.5
        totals.append(pupil.losses(step)[0].item())
    image, audio = (1 + 4) / 2, 0.25 / 2
    assert totals[0] - totals[1] == pytest.approx(3 * (image + audio), abs=1e-12)


def test_teachers_are_trained_alone_and_encode_the_training_samples_by_number() -> None:
    run = started()
    assert isinstance(run.balancer, Pupil)
    solo = run.balancer.context.solo("audio")
    index = torch.tensor([[5, 0, 239]])
    views, _, _ = run.train.take(run.pool.gather(1, index))
    with torch.no_grad():
        expected = solo.encode({"audio": views["audio"]})["audio"]
    assert torch.allclose(run.balancer.targets["audio"][:, index[0]], expected, atol=1e-12)
    assert run.balancer.targets["image"].shape == (1, 240, 8)


def test_features_come_near_their_teachers() -> None:
    distances = []
    for weight in (0.001, 50.0):
        run = started(weight=weight)
        for _ in range(3):
            run.advance()
        views, _, _ = run.train.take(run.pool)
        features = run.network.encode(views)
        assert isinstance(run.balancer, Pupil)
        targets = run.balancer.targets
        distances.append(sum((features[m] - targets[m]).square().mean().item() for m in targets))
    assert distances[1] < distances[0] / 2


def test_without_weight_no_teacher_is_trained() -> None:
    def refuse(_: str) -> None:
        raise AssertionError("nobody is to be trained")

    network = toy_network()
    pupil = Pupil([UnimodalDistillation(weight=0)], toy_context(network, solo=refuse))
    pupil.start_epoch(at(pupil, 0))
    assert pupil.state() == {}


def test_a_restored_run_has_its_teachers_without_training_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.safetensors"
    whole = weights_after(METHOD, 3)
    assert torch.equal(weights_after_a_break(METHOD, 3, 1, path), whole)

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("armtune.training.loop._solo", refuse)
    run = Run([toy_recipe(balancing=METHOD)], toy_dataset(), dtype=F64)
    run.restore(path)
    for _ in range(2):
        run.advance()
    assert torch.equal(run.flat.values, whole)
