"""What every encoder and every fusion must do, whichever files the folders hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from armtune.encoders import Encoder
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.plugins.registry import plugins

ENCODERS, FUSIONS = plugins("encoders"), plugins("fusion")
SHAPES = [(7,), (6, 5), (2, 6, 5), (1, 9), (3, 2, 6, 5)]
SIZES = {"a": 4, "b": 3, "c": 5}


def init(*seeds: int) -> Init:
    return Init([stream(seed, "init") for seed in seeds], torch.float64)


def samples(shape: tuple[int, ...], members: int = 2, count: int = 6) -> torch.Tensor:
    return torch.randn(members, count, *shape, generator=stream(0, "x"), dtype=torch.float64)


def encoder(name: str, shape: tuple[int, ...], *seeds: int) -> tuple[nn.Module, int]:
    plugin = ENCODERS[name]()
    assert isinstance(plugin, Encoder)
    if refusal := plugin.misfit(shape):
        pytest.skip(refusal)
    return plugin.build(shape, init(*seeds))


def check_members(build: Callable[..., nn.Module], inputs: Callable[[slice], object]) -> None:
    """Packed equals solo, one sample's output doesn't depend on the others."""
    packed = build(1, 2)(inputs(slice(0, 2)))
    for k in range(2):
        alone = build(k + 1)(inputs(slice(k, k + 1)))
        assert torch.allclose(packed[k : k + 1], alone, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_gives_as_many_features_as_it_says(name: str, shape: tuple[int, ...]) -> None:
    module, size = encoder(name, shape, 0, 1)
    assert module(samples(shape)).shape == (2, 6, size)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_members_are_their_own(name: str, shape: tuple[int, ...]) -> None:
    x = samples(shape)
    check_members(lambda *seeds: encoder(name, shape, *seeds)[0], lambda part: x[part])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_reads_each_sample_alone(name: str, shape: tuple[int, ...]) -> None:
    module, _ = encoder(name, shape, 0, 1)
    x = samples(shape)
    assert torch.allclose(module(x)[:, 2:3], module(x[:, 2:3]), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_learns_with_all_its_parameters(name: str, shape: tuple[int, ...]) -> None:
    module, _ = encoder(name, shape, 0)
    features = module(samples(shape, members=1).abs() * 2)
    assert features.requires_grad, "balancing methods watch the gradient of features"
    features.square().sum().backward()
    for parameter in module.parameters():
        assert parameter.grad is not None
        # a single moment has no past to learn from
        assert parameter.grad.any() or shape[0] == 1
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_accepts_some_shape(name: str) -> None:
    refusals = [said for shape in SHAPES if (said := ENCODERS[name]().misfit(shape))]  # type: ignore[attr-defined]
    assert len(refusals) < len(SHAPES)
    assert all(name in refusal for refusal in refusals)


@pytest.mark.parametrize("name", FUSIONS)
def test_fusion_decides_and_members_are_their_own(name: str) -> None:
    features = {m: samples((size,)) for m, size in SIZES.items()}

    def build(*seeds: int) -> nn.Module:
        return FUSIONS[name]().build(SIZES, 3, init(*seeds))  # type: ignore[attr-defined]

    assert build(0, 1)(features).shape == (2, 6, 3)
    check_members(build, lambda part: {m: f[part] for m, f in features.items()})
    one = build(0, 1)({m: f[:, 2:3] for m, f in features.items()})
    assert torch.allclose(build(0, 1)(features)[:, 2:3], one, atol=1e-12)


@pytest.mark.parametrize("name", [n for n, plugin in ENCODERS.items() if plugin.tokenized])  # type: ignore[attr-defined]
def test_encoder_of_a_tokenizers_numbers_reads_tokens(name: str) -> None:
    assert ENCODERS[name]().reads_tokens  # type: ignore[attr-defined]
