"""Modules of torch with a member axis: each member's is what torch computes of it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from armtune.errors import RunError
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.nn.wrapped import Wrapped, running_buffers, seeded, wrap
from armtune.training.modules import Modules

SHAPE = (2, 6, 5)


def init(*seeds: int) -> Init:
    return Init([stream(seed, "init") for seed in seeds], torch.float64)


def noise(*shape: int, of: str = "x") -> Tensor:
    return torch.randn(shape, generator=stream(0, of), dtype=torch.float64)


def make() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten()
    )


def torchs(wrapped: Wrapped, member: int, build: Callable[[], nn.Module] = make) -> nn.Module:
    """torch's own module with a member's weights."""
    module = build().double()
    state = {n: getattr(wrapped, own.replace(".", "/"))[member] for n, own in wrapped.names.items()}
    module.load_state_dict(state)
    return module.eval()


def test_each_member_is_a_module_of_its_own() -> None:
    module, size = wrap(make, SHAPE, init(1, 2))
    x = noise(2, 7, *SHAPE)
    assert module(x).shape == (2, 7, size)
    for k in range(2):
        torch.testing.assert_close(module(x)[k], torchs(module, k)(x[k]))
    assert not torch.equal(torchs(module, 0)[0].weight, torchs(module, 1)[0].weight)


def test_first_weights_are_by_the_members_seed_and_leave_torchs_own_stream() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    packed, _ = wrap(make, SHAPE, init(1, 2))
    torch.testing.assert_close(torch.rand(2), expected, rtol=0, atol=0)
    alone, _ = wrap(make, SHAPE, init(2))
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(packed.state_dict()[name][1:], tensor)


def test_gradients_are_torchs() -> None:
    module, _ = wrap(make, SHAPE, init(1, 2))
    x = noise(2, 7, *SHAPE)
    module(x).square().sum().backward()
    for k in range(2):
        own = torchs(module, k)
        own(x[k]).square().sum().backward()
        for name, parameter in own.named_parameters():
            found = module.get_parameter(name.replace(".", "/")).grad
            assert found is not None
            torch.testing.assert_close(found[k], parameter.grad)


def test_a_training_step_is_torchs_training_mode() -> None:
    module, _ = wrap(make, SHAPE, init(1, 2))
    modes = Modules(module, [11, 12])
    alone = [torchs(module, k).train() for k in range(2)]
    for step in range(3):
        x = noise(2, 7, *SHAPE, of=f"step {step}")
        with modes.training([0, 4], step):
            assert module.seeds is not None
            seeds, found = list(module.seeds), module(x)
        for k, own in enumerate(alone):
            torch.manual_seed(seeds[k])
            torch.testing.assert_close(found[k], own(x[k]))
    for k, own in enumerate(alone):
        stats = {"1.running_mean": own[1].running_mean, "1.running_var": own[1].running_var}
        for name, expected in stats.items():
            torch.testing.assert_close(getattr(module, name.replace(".", "/"))[k], expected)
        torch.testing.assert_close(module(x)[k], own.eval()(x[k]))


def test_dropout_differs_by_step_member_and_part_and_can_be_repeated() -> None:
    parts = nn.ModuleList(wrap(lambda: nn.Dropout(0.5), (64,), init(1, 2))[0] for _ in range(2))
    modes = Modules(parts, [11, 12])
    x = torch.ones(2, 3, 64, dtype=torch.float64)

    def drawn(epoch: int, step: int) -> list[Tensor]:
        with modes.training([epoch, epoch], step):
            return [member for part in parts for member in part(x)]

    masks = [*drawn(0, 0), *drawn(0, 1), *drawn(1, 0)]
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) == len(masks)
    again = drawn(0, 0)
    assert all(torch.equal(one, other) for one, other in zip(masks, again, strict=False))
    assert torch.equal(parts[0](x), x), "none is dropped outside of a step"


def test_what_steps_change_is_known() -> None:
    part, _ = wrap(make, SHAPE, init(1, 2))
    names = {"0.1/running_mean", "0.1/running_var", "0.1/num_batches_tracked"}
    assert set(running_buffers(nn.ModuleList([part]))) == names


def test_parameters_that_need_no_gradient_stay() -> None:
    def half_frozen() -> nn.Module:
        module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        module[0].requires_grad_(requires_grad=False)
        return module

    module, _ = wrap(half_frozen, (3,), init(1, 2))
    assert [name for name, _ in module.named_parameters()] == ["1/weight", "1/bias"]
    assert set(module.state_dict()) == {"0/weight", "0/bias", "1/weight", "1/bias"}
    assert not running_buffers(module)


class Tied(nn.Module):
    """Has one weight by two names, and numbers that are no weights."""

    def __init__(self) -> None:
        super().__init__()
        self.there = nn.Linear(3, 3)
        self.back = nn.Linear(3, 3, bias=False)
        self.back.weight = self.there.weight
        self.register_buffer("order", torch.tensor([2, 0, 1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.back(self.there(x[:, self.order]))


def test_tied_weights_stay_one_and_whole_numbers_whole() -> None:
    module, size = wrap(Tied, (3,), init(1, 2))
    assert size == 3
    assert sum(p.numel() for p in module.parameters()) == 2 * (9 + 3)
    x = noise(2, 5, 3)
    weight, bias = getattr(module, "there/weight")[1], getattr(module, "there/bias")[1]
    torch.testing.assert_close(
        module(x)[1], F.linear(F.linear(x[1][:, [2, 0, 1]], weight, bias), weight)
    )


def test_batch_norm_of_a_single_sample_is_refused() -> None:
    module, _ = wrap(lambda: nn.BatchNorm1d(3), (3,), init(1))
    with Modules(module, [1]).training([0], 0), pytest.raises(RunError, match="more than 1 value"):
        module(noise(1, 1, 3))
    assert not module.held[0].training


class Told(nn.Module):
    """Gives what it is told to."""

    def __init__(self, told: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.told = told

    def forward(self, x: Tensor) -> Any:
        return self.told(x)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (lambda x: (x, x), r"gives a tuple of 2, not a tensor; give the features only"),
        (lambda x: {"features": x}, r"gives a dict, not a tensor"),
        (lambda x: x[:1], r"gives \(1, 4\) for 3 samples: the first axis must be the samples"),
        (lambda x: x.mean(), r"gives \(\) for 3 samples: the first axis must be the samples"),
        (lambda x: x[:, 0], r"gives \(3,\) for 3 samples, not \(sample, feature\): a vector each"),
        (lambda x: x[..., None], r"not \(sample, feature\): pool or flatten them"),
        (lambda x: x.argmax(1, keepdim=True), r"gives torch.int64, not floating numbers"),
    ],
    ids=["tuple", "dict", "one sample", "scalar", "no axis", "map", "whole numbers"],
)
def test_what_is_no_feature_vector_is_refused(told: Callable[[Tensor], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wrap(lambda: Told(told), (4,), init(1))


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gives Tensor, not a torch.nn.Module"):
        seeded(lambda: torch.zeros(1))  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match=r"has LazyLinear, whose weights depend on samples"):
        seeded(lambda: nn.LazyLinear(3))


def test_members_of_different_shapes_are_refused() -> None:
    def random() -> nn.Module:
        return nn.Linear(3, int(torch.randint(1, 9, ())))

    with pytest.raises(ValueError, match="makes weight of another shape for each member"):
        wrap(random, (3,), init(1, 2, 3))
