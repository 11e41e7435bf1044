"""Products with a member axis, whoever computes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from armtune.nn import products
from armtune.nn.products import affine
from armtune.nn.random_streams import stream


@pytest.fixture(params=[1, 2], ids=["numpy", "torch"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """On one thread numpy multiplies, on several torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=stream(len(shape), str(shape)), dtype=torch.float64)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_each_members_own_product_and_its_gradient(biased: bool, rectify: bool) -> None:
    x, weight, bias = noise(2, 5, 4), noise(2, 4, 3), noise(2, 1, 3)
    given = [x, weight, bias] if biased else [x, weight]
    plain = torch.einsum("msi,mio->mso", x, weight) + (bias if biased else 0)
    result = affine(*given, rectify=rectify)
    assert torch.allclose(result, plain.relu() if rectify else plain, atol=1e-14)
    leaves = [tensor.requires_grad_() for tensor in given]
    assert torch.autograd.gradcheck(lambda *g: affine(*g, rectify=rectify), leaves)


def test_the_way_is_chosen_by_the_number_of_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Tensor] = []
    real = products.product
    monkeypatch.setattr(products, "product", lambda a, b: asked.append(a) or real(a, b))
    affine(noise(1, 2, 3), noise(1, 3, 2))
    assert bool(asked) == (threads == 1)


def test_gradients_that_are_in_no_piece_of_memory_are_served() -> None:
    x, weight = noise(2, 5, 4).requires_grad_(), noise(2, 4, 3).requires_grad_()
    # a sum's gradient is a single number, spread out without any memory of its own
    to_x, to_weight = torch.autograd.grad(affine(x, weight).sum(), [x, weight])
    assert torch.allclose(to_x, weight.sum(2).unsqueeze(1).expand_as(x))
    assert torch.allclose(to_weight, x.sum(1).unsqueeze(2).expand_as(weight))


def test_a_member_gets_the_same_bits_in_any_company() -> None:
    x, weight = noise(3, 64, 50).float(), noise(3, 50, 10).float()
    packed = affine(x, weight)
    for k in range(3):
        assert torch.equal(affine(x[k : k + 1], weight[k : k + 1])[0], packed[k])


def test_overflow_is_no_warning() -> None:
    huge = torch.full((1, 2, 2), 3e38)
    assert affine(huge, huge).isinf().all()


def test_a_gradients_own_gradient_is_refused_not_wrong() -> None:
    x, weight = noise(2, 5, 4).requires_grad_(), noise(2, 4, 3).requires_grad_()
    [to_x] = torch.autograd.grad(affine(x, weight).square().sum(), [x], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        to_x.sum().backward()
