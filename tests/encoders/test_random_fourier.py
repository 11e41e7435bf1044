"""Random Fourier features: their products are a Gaussian kernel's values."""

from __future__ import annotations

import pytest
import torch

from armtune.encoders.random_fourier import RandomFourier
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream


@pytest.mark.parametrize("bandwidth", [0.7, 2.0])
def test_products_of_features_estimate_the_gaussian_kernel(bandwidth: float) -> None:
    encoder = RandomFourier(features=8192, bandwidth=bandwidth)
    module, size = encoder.build((3, 4), Init([stream(3, "init")], torch.float64))
    x = torch.randn(1, 20, 3, 4, dtype=torch.float64, generator=stream(0, "x"))
    found = module(x)[0] @ module(x)[0].T / size
    squares = torch.cdist(x[0].flatten(1), x[0].flatten(1)) ** 2
    kernel = torch.exp(-squares / (2 * bandwidth**2 * 12))
    assert size == 8192
    assert torch.allclose(found, kernel, atol=0.03)


def test_nothing_of_it_is_trained_or_drawn_by_a_seed() -> None:
    inits = [Init([stream(seed, "init")], torch.float64) for seed in (1, 2)]
    one, other = (RandomFourier(features=6).build((9,), init)[0] for init in inits)
    assert not list(one.parameters())
    assert torch.equal(one.state_dict()["directions"], other.state_dict()["directions"])
