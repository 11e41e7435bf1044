"""Transformer layers equal torch's, member by member."""

from __future__ import annotations

import torch

from armtune.nn.attention import SequenceTransformer, TransformerLayer
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream


def init() -> Init:
    return Init([stream(0, "init"), stream(1, "init")], torch.float64)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=stream(0, "x"), dtype=torch.float64)


def torchs(layer: TransformerLayer, member: int, size: int) -> torch.nn.Module:
    other = torch.nn.TransformerEncoderLayer(
        size, layer.heads, 2 * size, 0.0, "gelu", batch_first=True, norm_first=True
    ).double()
    pairs = {
        "self_attn.in_proj": layer.project,
        "self_attn.out_proj": layer.merge,
        "linear1": layer.widen,
        "linear2": layer.narrow,
    }
    with torch.no_grad():
        for name, linear in pairs.items():
            joint = "." if name != "self_attn.in_proj" else "_"
            other.get_parameter(f"{name}{joint}weight").copy_(linear.weight[member].T)
            other.get_parameter(f"{name}{joint}bias").copy_(linear.bias[member, 0])
        for norm in (layer.norm, layer.second_norm):
            norm.weight.add_(0.1)
            norm.bias.sub_(0.2)
        for name, norm in (("norm1", layer.norm), ("norm2", layer.second_norm)):
            other.get_parameter(f"{name}.weight").copy_(norm.weight[member, 0])
            other.get_parameter(f"{name}.bias").copy_(norm.bias[member, 0])
    return other


def test_a_layer_is_torchs_own() -> None:
    layer, x = TransformerLayer(2, 3, init()), noise(2, 4, 5, 6)
    for member in range(2):
        expected = torchs(layer, member, 6)(x[member])
        got = layer(x.flatten(1, 2), 5)[member].unflatten(0, (4, 5))
        assert torch.allclose(got, expected, atol=1e-12)


def test_positions_tell_the_order_apart() -> None:
    module, x = SequenceTransformer(5, 3, 1, (2, 3), init()), noise(2, 4, 5, 3)
    assert not torch.allclose(module(x), module(x.flip(2)), atol=1e-6)
    with torch.no_grad():
        module.positions.zero_()
    assert torch.allclose(module(x), module(x.flip(2)), atol=1e-12)
