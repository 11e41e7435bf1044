"""What every encoder must do, for each shape of samples that it reads."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from armtune.encoders import Encoder
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream

SHAPES = [(7,), (6, 5), (2, 6, 5), (1, 9)]


def accepts_some_shape_and_names_itself_where_it_refuses(encoder: Encoder) -> None:
    """``misfit`` says which encoder refuses a shape; the others ``build`` takes, as below."""
    refusals = [said for shape in SHAPES if (said := encoder.misfit(shape))]
    assert len(refusals) < len(SHAPES), f"refuses every shape: {refusals}"
    assert all(encoder.name in refusal for refusal in refusals), refusals


def gives_as_many_features_as_it_says(encoder: Encoder) -> None:
    """``build`` returns a module and its number of features."""
    for shape in _served(encoder):
        module, size = encoder.build(shape, _init(0, 1))
        assert module(_samples(shape)).shape == (2, 6, size), shape


def keeps_members_apart(encoder: Encoder) -> None:
    """Two members in one pack give what each gives alone, weights included."""
    for shape in _served(encoder):
        x = _samples(shape)
        together = encoder.build(shape, _init(1, 2))[0].eval()(x)
        for k in range(2):
            alone = encoder.build(shape, _init(k + 1))[0].eval()(x[k : k + 1])
            assert torch.allclose(together[k : k + 1], alone, atol=1e-12), shape


def reads_each_sample_alone(encoder: Encoder) -> None:
    """A sample's features don't depend on who shares the batch."""
    for shape in _served(encoder):
        module, x = encoder.build(shape, _init(0, 1))[0].eval(), _samples(shape)
        assert torch.allclose(module(x)[:, 2:3], module(x[:, 2:3]), atol=1e-12), shape


def learns_from_every_parameter(encoder: Encoder) -> None:
    """A gradient reaches all that is to be trained."""
    for shape in _served(encoder):
        module, _ = encoder.build(shape, _init(0))
        module(_samples(shape)[:1]).square().sum().backward()
        trained = {n: p for n, p in module.named_parameters() if p.requires_grad}
        without = [name for name, parameter in trained.items() if parameter.grad is None]
        assert not without, f"{shape}: no gradient reaches {without}"


def _served(encoder: Encoder) -> Iterator[tuple[int, ...]]:
    return (shape for shape in SHAPES if not encoder.misfit(shape))


def _init(*seeds: int) -> Init:
    return Init([stream(seed, "init") for seed in seeds], torch.float64)


def _samples(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(2, 6, *shape, generator=stream(0, "x"), dtype=torch.float64)
