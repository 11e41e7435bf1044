"""G²D: teachers' decisions and features, and who stands still."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from armtune.balancing._hooks import Step
from armtune.balancing.g2d import G2d, GuidedPupil, divergence
from armtune.nn.flat_parameters import FlatParameters
from armtune.nn.forward import Batch
from armtune.targets.classes import cross_entropy
from tests.balancing.toys import F64, at, toy_batch, toy_context, toy_network, weights_after_a_break
from tests.balancing.toys import weights_after as weights_of


def test_divergence_by_hand() -> None:
    teachers, pupil = np.array([[0.7, 0.3], [0.5, 0.5]]), np.array([0.2, 0.8])
    expected = (teachers * np.log(teachers / pupil)).sum(1)
    logs = torch.from_numpy(np.log(teachers))[None, :, None, None]
    found = divergence(logs, torch.from_numpy(np.log(pupil))[None, None, None])
    assert found.flatten().tolist() == pytest.approx(expected.tolist(), abs=1e-12)


def ready(epoch: int = 0, **options: Any) -> tuple[GuidedPupil, Step]:
    """A pupil whose teachers are the network as it is, and a step of all samples."""
    network = toy_network()
    views, labels = toy_batch()
    taught = toy_network()
    context = toy_context(
        network, samples=10, take=lambda _: Batch(views, labels, {}), solo=lambda m: only(taught, m)
    )
    balancer = GuidedPupil([G2d(**options)], context)
    balancer.start_epoch(at(balancer, epoch))
    index = torch.arange(10)[None]
    return balancer, Step(network(views), labels, index, 0)


def only(network: Any, modality: str) -> Any:
    """What a training of one modality gives: its encoder and its head, moved a little."""
    k = network.modalities.index(modality)
    solo = type("Solo", (), {"encoders": [network.encoders[k]], "heads": [network.heads[k]]})
    with torch.no_grad():
        for parameter in (*solo.encoders[0].parameters(), *solo.heads[0].parameters()):
            parameter.add_(0.1 * (k + 1))
    return solo


def test_the_loss_is_the_literal_one() -> None:
    balancer, step = ready(weight=0.3, logits_weight=0.7)
    views, labels = toy_batch()
    plain = cross_entropy(step.forward.logits, labels).mean() + balancer.heads_loss(step)
    expected = plain.item()
    told = step.forward.logits.log_softmax(-1)[0].detach().numpy()
    for k, (m, view) in enumerate(views.items()):
        with torch.no_grad():
            feature = balancer.teachers[k](view)
            logits = balancer.judges[k](feature).log_softmax(-1)[0].numpy()
        expected += 0.3 * (step.forward.features[m] - feature).square().mean().item()
        expected += 0.7 * (np.exp(logits) * (logits - told)).sum(-1).mean()
    assert balancer.losses(step)[0].item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("epoch", "stands"), [(0, True), (1, True), (2, False)])
def test_all_but_the_one_with_the_weakest_teacher_stand_still(epoch: int, stands: bool) -> None:
    balancer, step = ready(epoch)
    assert balancer.decisions is not None
    # Image's teacher is always right, audio's never.
    truth = torch.nn.functional.one_hot(step.labels, 3).to(F64)
    balancer.decisions[:, 0], balancer.decisions[:, 1] = 9 * truth, -9 * truth
    flat = FlatParameters(balancer.context.network)
    again = Step(balancer.context.network(toy_batch()[0]), step.labels, step.index, 0)
    gradients = flat.differentiate([loss.sum() for loss in balancer.losses(again)])
    balancer.change_gradients(gradients)
    still = [not gradients[0][n].any() for n in gradients[0] if n.startswith("encoders.0")]
    moving = [gradients[0][n].any() for n in gradients[0] if n.startswith("encoders.1.")]
    assert all(still) == stands
    assert any(moving)


def test_a_restored_run_keeps_its_teachers(tmp_path: Any) -> None:
    resumed = weights_after_a_break({"name": "g2d"}, 3, 1, tmp_path / "c.safetensors")
    assert torch.equal(resumed, weights_of({"name": "g2d"}, 3))
