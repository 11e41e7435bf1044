"""The flat buffers and the network see the same numbers."""

from __future__ import annotations

import torch

from armtune.nn.flat_parameters import FlatParameters
from armtune.nn.layers import Init, Linear, Sequential
from armtune.nn.random_streams import stream


def network() -> Sequential:
    init = Init([stream(0, "init"), stream(1, "init")], torch.float64)
    return Sequential(Linear(3, 4, init), Linear(4, 2, init))


def test_parameters_are_views_of_the_buffer() -> None:
    net = network()
    before = net[0].weight.detach().clone()
    flat = FlatParameters(net)
    assert torch.equal(net[0].weight, before)
    flat.values.zero_()
    assert not net(torch.ones(2, 1, 3).double()).any()


def test_gradients_gather_in_the_buffer_without_mixing_members() -> None:
    net = network()
    flat = FlatParameters(net)
    out = net(torch.ones(2, 5, 3).double())
    flat.differentiate([out[0].square().sum()])
    assert flat.gradients[0].any()
    assert not flat.gradients[1].any()


def test_named_parts_have_their_own_shape() -> None:
    flat = FlatParameters(network())
    named = flat.named(flat.values)
    assert {name: tuple(t.shape) for name, t in named.items()} == {
        "0.weight": (2, 3, 4),
        "0.bias": (2, 1, 4),
        "1.weight": (2, 4, 2),
        "1.bias": (2, 1, 2),
    }


def test_several_losses_have_gradients_of_their_own() -> None:
    net = network()
    flat = FlatParameters(net)
    out = net(torch.ones(2, 5, 3).double())
    first, second = flat.differentiate([out.sum(), 2 * out.sum()])
    assert torch.equal(2 * first["0.weight"], second["0.weight"])
    assert torch.equal(flat.named(flat.gradients)["0.weight"], first["0.weight"])
