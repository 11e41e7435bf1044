"""Layers with a member axis equal torch's own layers, member by member."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch.nn import functional as F

from armtune.nn.layers import (
    Conv1d,
    Conv2d,
    EmbeddingBag,
    Given,
    GroupNorm,
    Init,
    Linear,
    MaxPool2d,
    Relu,
    Sequential,
    TooManyWeightsError,
)
from armtune.nn.random_streams import stream


def init(*seeds: int) -> Init:
    return Init([stream(seed, "init") for seed in seeds], torch.float64)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=stream(0, "noise"), dtype=torch.float64)


def test_linear_is_each_members_own_product() -> None:
    layer, x = Linear(4, 3, init(0, 1)), noise(2, 5, 4)
    for k in range(2):
        expected = F.linear(x[k], layer.weight[k].T, layer.bias[k, 0])
        assert torch.allclose(layer(x)[k], expected, atol=1e-14)


@pytest.mark.parametrize("kernel", [3, 5])
def test_convolution_is_each_members_own(kernel: int) -> None:
    layer, x = Conv2d(2, 3, kernel, init(0, 1, 2)), noise(3, 4, 2, 7, 6)
    for k in range(3):
        expected = F.conv2d(x[k], layer.weight[k], layer.bias[k], padding="same")
        assert torch.allclose(layer(x)[k], expected, atol=1e-13)


def test_a_member_starts_alike_in_any_pack() -> None:
    alone, packed = Linear(4, 3, init(5)), Linear(4, 3, init(1, 5))
    assert torch.equal(alone.weight[0], packed.weight[1])


def test_weights_start_uniform_within_one_over_the_root_of_the_inputs() -> None:
    weight = Linear(100, 400, init(0)).weight
    assert weight.abs().max() <= 0.1
    # a uniform variable within ±b has a standard deviation of b / √3
    assert float(weight.detach().std()) == pytest.approx(0.1 / sqrt(3), rel=0.02)


def test_pooling_keeps_an_axis_shorter_than_its_window() -> None:
    x = noise(2, 3, 1, 1, 4)
    assert MaxPool2d(2)(x).shape == (2, 3, 1, 1, 2)


def test_convolution_over_time_is_dilated() -> None:
    layer, x = Conv1d(2, 3, 3, init(0, 1), dilation=4), noise(2, 4, 2, 11)
    for k in range(2):
        expected = F.conv1d(x[k], layer.weight[k], layer.bias[k], padding="same", dilation=4)
        assert torch.allclose(layer(x)[k], expected, atol=1e-13)


def test_strided_convolution_pads_half_a_window() -> None:
    layer, x = Conv2d(2, 3, 7, init(0, 1), stride=2, bias=False), noise(2, 4, 2, 9, 8)
    for k in range(2):
        expected = F.conv2d(x[k], layer.weight[k], None, 2, 3)
        assert torch.allclose(layer(x)[k], expected, atol=1e-13)


def test_group_norm_is_each_members_own() -> None:
    layer, x = GroupNorm(12, init(0, 1), 8), noise(2, 4, 12, 5)
    with torch.no_grad():
        layer.weight.copy_(noise(2, 12))
        layer.bias.copy_(noise(2, 12))
    for k in range(2):
        # 4 is what 8 and 12 have in common
        expected = F.group_norm(x[k], 4, layer.weight[k], layer.bias[k])
        assert torch.allclose(layer(x)[k], expected, atol=1e-13)


def test_embeddings_are_averaged_without_padding() -> None:
    layer = EmbeddingBag(5, 3, init(0, 1))
    ids = torch.tensor([[1, 4, 0, 0], [0, 0, 0, 0], [9, 5, -1, 5]]).double().expand(2, -1, -1)
    for k in range(2):
        table, got = layer.weight[k], layer(ids)[k]
        assert torch.allclose(got[0], (table[0] + table[3]) / 2)
        assert not got[1].any()
        assert torch.allclose(got[2], table[4])  # 9 is read as the last, 5


def test_given_features_can_be_watched() -> None:
    x = noise(1, 2, 3, 4)
    features = Given()(x)
    assert torch.equal(features, x.flatten(2))
    assert features.requires_grad
    assert not x.requires_grad
    with torch.no_grad():
        assert not Given()(x).requires_grad


def test_a_rectifier_behind_a_product_is_part_of_it_and_any_other_stands_alone() -> None:
    first, second, x = Linear(4, 3, init(0, 1)), Linear(3, 3, init(2, 3)), noise(2, 5, 4)
    steps = [Relu(), first, Relu(), Relu(), second, second, Relu()]
    expected = x
    for step in steps:
        expected = step(expected)
    assert torch.allclose(Sequential(*steps)(x), expected, atol=1e-14)


@pytest.mark.parametrize("shape", [(2**40, 2**20), (2**62, 2**62)])
def test_weights_that_no_memory_holds_are_told(shape: tuple[int, ...]) -> None:
    init = Init([torch.Generator()], torch.float32)
    with pytest.raises(TooManyWeightsError, match="weights take more memory than there is"):
        init.uniform(1.0, *shape)
    with pytest.raises(TooManyWeightsError, match="weights take more memory than there is"):
        init.constant(1.0, *shape)


def test_weights_are_counted_before_there_are_any() -> None:
    init = Init([torch.Generator(), torch.Generator()], torch.float32, most=20)
    init.uniform(1.0, 2, 3)
    init.constant(1.0, 4)
    with pytest.raises(TooManyWeightsError, match="has more weights"):
        init.constant(1.0, 1)
