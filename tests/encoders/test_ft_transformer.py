"""FT-Transformer: tokens by their definition, and layers that are torch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from armtune.encoders.ft_transformer import FtTransformer
from armtune.nn import tabular
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from tests.conftest import toy_dataset, toy_recipe
from tests.encoders.packs import learn_alike_packed_and_alone

BLOCKS = [1, 3, 1, 2]


def init(*seeds: int) -> Init:
    return Init([stream(seed, "init") for seed in seeds], torch.float64)


def rows(count: int = 5) -> torch.Tensor:
    """Two members' samples of a number, a category of three, a number and one of two."""
    draw = stream(0, "x")
    numbers = torch.randn(2, count, 2, generator=draw, dtype=torch.float64)
    three = F.one_hot(torch.randint(3, (2, count), generator=draw), 3).double()
    two = F.one_hot(torch.randint(2, (2, count), generator=draw), 2).double()
    return torch.cat([numbers[..., :1], three, numbers[..., 1:], two], dim=-1)


def test_a_number_scales_its_vector_and_a_category_has_its_own() -> None:
    module, x = tabular.Tokens(BLOCKS, 4, init(1, 2)), rows()
    found = module(x)
    assert found.shape == (2, 5, 4, 4)
    places = (x[..., 1:4].argmax(-1), x[..., 5:].argmax(-1))
    for k in range(2):
        for token, column in enumerate((0, 4)):
            wanted = x[k, :, column, None] * module.weight[k, 0, token] + module.bias[k, 0, token]
            torch.testing.assert_close(found[k, :, token], wanted)
        for token, place in enumerate(places):
            own = module.categories[token][k, place[k]] + module.bias[k, 0, 2 + token]
            torch.testing.assert_close(found[k, :, 2 + token], own)


def test_features_are_what_the_further_token_hears() -> None:
    module, x = tabular.FtTransformer(BLOCKS, 2, (2, 3), init(1, 2)), rows()
    for k in range(2):
        own = torch.cat([module.hearer[k].expand(5, 1, 6), module.tokens(x)[k]], dim=1)
        for number, layer in enumerate(module.layers):
            normed = own if number == 0 else F.layer_norm(own, (6,))
            own = own + attention(layer, k, normed)
            wide = F.gelu(affine(layer.widen, k, F.layer_norm(own, (6,))))
            own = own + affine(layer.narrow, k, wide)
        torch.testing.assert_close(module(x)[k], F.layer_norm(own[:, 0], (6,)).relu())


def affine(linear: torch.nn.Module, k: int, x: torch.Tensor) -> torch.Tensor:
    return x @ linear.weight[k] + linear.bias[k]


def attention(layer: torch.nn.Module, k: int, x: torch.Tensor) -> torch.Tensor:
    """Softmax of scaled products, head by head."""
    query, key, value = affine(layer.project, k, x).split(6, dim=-1)
    heads = []
    for part in (slice(0, 3), slice(3, 6)):
        weights = (query[..., part] @ key[..., part].mT / 3**0.5).softmax(-1)
        heads.append(weights @ value[..., part])
    return affine(layer.merge, k, torch.cat(heads, dim=-1))


@pytest.mark.parametrize(("blocks", "fits"), [([], True), ([1, 4, 2], True), ([1, 4], False)])
def test_blocks_are_as_many_numbers_as_samples_have(blocks: list[int], fits: bool) -> None:
    said = FtTransformer(blocks=blocks).misfit((7,))
    assert fits == (not said)
    assert fits or "ft_transformer: its blocks have 5 numbers, samples 7" in said


def test_members_of_a_pack_learn_what_each_learns_alone() -> None:
    shapes = {"facts": (5,), "more": (4,)}
    pair = []
    for seed in (1, 2):
        content = toy_recipe(shapes, seed=seed, epochs=30).model_dump()
        own = {"name": "ft_transformer", "heads": 2, "head_width": 4}
        content["modalities"]["facts"]["encoder"] = own
        pair.append(type(toy_recipe()).model_validate(content))
    learn_alike_packed_and_alone(pair, toy_dataset(shapes))
