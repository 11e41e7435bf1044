"""Fusions equal their papers' equations, written out sample by sample."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from armtune.nn.layers import Init, Linear
from armtune.nn.random_streams import stream
from armtune.plugins.registry import plugins

SIZES = {"a": 4, "b": 3}


def built(name: str, sizes: dict[str, int] = SIZES, **options: Any) -> torch.nn.Module:
    init = Init([stream(3, "init")], torch.float64)
    return plugins("fusion")[name](**options).build(sizes, 5, init)  # type: ignore[attr-defined]


def features(sizes: dict[str, int] = SIZES) -> dict[str, Tensor]:
    generator = stream(0, "features")
    return {
        m: torch.randn(1, 1, size, generator=generator, dtype=torch.float64)
        for m, size in sizes.items()
    }


def linear(layer: torch.nn.Module, x: Tensor) -> Tensor:
    assert isinstance(layer, Linear)
    return x @ layer.weight[0] + layer.bias[0, 0]


def linears(module: torch.nn.Module) -> list[Linear]:
    """The linear layers, in the order in which they were made."""
    return [layer for layer in module.modules() if isinstance(layer, Linear)]


def vectors(given: dict[str, Tensor]) -> list[Tensor]:
    return [f[0, 0] for f in given.values()]


def test_concat_is_a_hidden_layer_of_all_features() -> None:
    module, given = built("concat", dim=6), features()
    hidden, out = linears(module)
    units = linear(hidden, torch.cat(vectors(given))).relu()
    assert torch.allclose(module(given)[0, 0], linear(out, units))


def test_concat_without_units_is_linear() -> None:
    module, given = built("concat", dim=0), features()
    [out] = linears(module)
    assert torch.allclose(module(given)[0, 0], linear(out, torch.cat(vectors(given))))


def test_sum_adds_hidden_layers() -> None:
    module, given = built("sum", dim=6), features()
    *hidden, out = linears(module)
    a, b = (linear(layer, f).relu() for layer, f in zip(hidden, vectors(given), strict=True))
    assert torch.allclose(module(given)[0, 0], linear(out, a + b))


def test_late_is_the_mean_of_linear_votes() -> None:
    module, given = built("late", dim=0), features()
    votes = [linear(o, f) for o, f in zip(linears(module), vectors(given), strict=True)]
    assert torch.allclose(module(given)[0, 0], (votes[0] + votes[1]) / 2)


def test_late_leaves_the_other_modalities_votes_alone() -> None:
    module, given = built("late"), features()
    changes = []
    for shift in (0.0, 5.0):
        other = {"a": given["a"], "b": given["b"] + shift}
        changes.append(module({"a": other["a"] + 1, "b": other["b"]}) - module(other))
    assert torch.allclose(*changes)


def test_gated_of_two_is_the_papers_bimodal_unit() -> None:
    module, given = built("gated", dim=6), features()
    *hidden, gate, out = linears(module)
    a, b = (linear(layer, f).tanh() for layer, f in zip(hidden, vectors(given), strict=True))
    for_a, for_b = linear(gate, torch.cat(vectors(given))).chunk(2)
    z = torch.sigmoid(for_a - for_b)
    assert torch.allclose(module(given)[0, 0], linear(out, z * a + (1 - z) * b))


def test_film_scales_and_shifts_the_first_by_each_other() -> None:
    sizes = {**SIZES, "c": 2}
    module, given = built("film", sizes, dim=6), features(sizes)
    modulated, *conditions, out = linears(module)
    first, *others = vectors(given)
    units = linear(modulated, first)
    for condition, f in zip(conditions, others, strict=True):
        scale, shift = linear(condition, f).chunk(2)
        units = units + scale * units + shift
    assert torch.allclose(module(given)[0, 0], linear(out, units.relu()))


def test_low_rank_is_the_outer_product_weighted_by_a_low_rank_tensor() -> None:
    module, given = built("low_rank", dim=6, rank=2), features()
    *factors, out = linears(module)
    matrices = []
    for layer in factors:
        with_one = torch.cat([layer.weight[0], layer.bias[0]])
        matrices.append(with_one.unflatten(-1, (2, 6)))
    tensor = torch.einsum("ird,jrd->ijd", *matrices)
    one = torch.ones(1, dtype=torch.float64)
    a, b = (torch.cat([f, one]) for f in vectors(given))
    hidden = torch.einsum("i,j,ijd->d", a, b, tensor)
    assert torch.allclose(module(given)[0, 0], linear(out, hidden.relu()))


def test_attention_passes_through_the_bottleneck_only() -> None:
    module, given = built("attention", heads=2, head_width=3, layers=1), features()
    bottleneck = module[0]
    moved = {**given, "b": given["b"] + 1}
    # In one layer the bottleneck hears the modalities, but they hear nothing of each other yet.
    halves = [bottleneck(x) for x in (given, moved)]
    own = [bottleneck({**x, "a": given["a"] * 2}) for x in (given, moved)]
    assert torch.allclose(halves[0] - halves[1], own[0] - own[1])
    deep = built("attention", heads=2, head_width=3, layers=2)[0]
    halves = [deep(x) for x in (given, moved)]
    own = [deep({**x, "a": given["a"] * 2}) for x in (given, moved)]
    assert not torch.allclose(halves[0] - halves[1], own[0] - own[1], atol=1e-6)
