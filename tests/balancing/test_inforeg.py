"""InfoReg: who is held back, how much and how long, restated."""

from __future__ import annotations

from math import exp, tanh

import pytest
import torch

from armtune.balancing.inforeg import InfoReg, Regulator, growth, lead
from armtune.nn.flat_parameters import FlatParameters
from tests.balancing.test_ogm import logits_of
from tests.balancing.toys import F64, at, made_up, toy_context, toy_network


def test_the_lead_is_of_summed_probabilities() -> None:
    scores = torch.tensor([[3.2, 2.9], [2.0, 2.0]], dtype=F64)
    assert lead(scores).tolist() == [[pytest.approx(exp(tanh(0.3))), 0], [0, 0]]
    three = lead(torch.tensor([[3.0, 1.0, 2.5]], dtype=F64))
    assert three[0].tolist() == pytest.approx([exp(tanh(1.25)), 0, exp(tanh(0.5))])


def test_growth_is_of_the_mean_over_ten_epochs() -> None:
    # The first three epochs: 4, then 6, then 0.2; epochs before count as 0.
    histories = [[0.0] * 10 + [4], [0.0] * 9 + [4, 6], [0.0] * 8 + [4, 6, 0.2], [0.0] * 11]
    traces = torch.tensor([histories], dtype=F64)
    expected = [1, 6 / 10, 0.2 / 10.2, 0]
    assert growth(traces)[0].tolist() == pytest.approx(expected, abs=1e-12)
    full = torch.arange(1.0, 12.0, dtype=F64).view(1, 1, 11)
    assert growth(full).item() == pytest.approx((6.5 - 5.5) / 6.5)


def test_the_modality_that_is_ahead_is_pulled_back_and_its_trace_kept() -> None:
    network = toy_network()
    flat = FlatParameters(network)
    balancer = Regulator([InfoReg(strength=0.95)], toy_context(network))
    balancer.start_epoch(at(balancer, 0))
    flat.values.add_(0.5)
    # Summed over two samples, image has 1.6 and audio 0.8.
    unimodal = {"image": logits_of(0.9, 0.7), "audio": logits_of(0.5, 0.3)}
    step = made_up({}, [0, 0], logits_of(0.5, 0.5), unimodal)
    step.forward.head_inputs.clear()
    balancer.seen.add(scores_of(balancer, step))
    gradients = {n: torch.full_like(p, 2.0) for n, p in network.named_parameters()}
    balancer.change_gradients([gradients])
    pulled = 2.0 + 0.95 * exp(tanh(0.8)) * 0.5
    for name, gradient in gradients.items():
        expected = pulled if name.startswith("encoders.0") else 2.0
        assert torch.allclose(gradient, torch.full_like(gradient, expected), atol=1e-12), name
    layers = [sum(n.endswith("weight") for n in names) for names in balancer.names]
    expected = [layers[0] * pulled**2, layers[1] * 4.0]
    assert balancer.trace[0].tolist() == pytest.approx(expected)
    balancer.end_epoch()
    assert balancer.traces[0, :, -1].tolist() == pytest.approx(expected)
    assert not balancer.traces[..., :-1].any()


def scores_of(balancer: Regulator, step: object) -> object:
    from armtune.balancing._parts import likelihood_scores

    return likelihood_scores(balancer.context.target, step)  # type: ignore[arg-type]


def test_beyond_the_window_nothing_is_pulled() -> None:
    network = toy_network()
    balancer = Regulator([InfoReg(threshold=0.05)], toy_context(network))
    balancer.traces[0, 0] = torch.tensor([1.0] * 10 + [1.04 * 10 - 9.0 + 1])
    balancer.traces[0, 1] = 1.0
    balancer.start_epoch(at(balancer, 3))
    assert balancer.learns.tolist() == [[True, False]]
    balancer.start_epoch(at(balancer, 0))
    assert balancer.learns.all()
