"""Padding changes nothing: neither tokens numbered 0 nor steps of zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from armtune.bundle.manifest import MODEL
from armtune.bundle.predictor import Predictor
from armtune.data import Dataset, Split
from armtune.encoders import Encoder
from armtune.export.write import write_bundle
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.training.loop import Run, train
from tests.conftest import toy_recipe
from tests.encoders.packs import learn_alike_packed_and_alone

NAMES = ["gru", "temporal_cnn", "transformer"]
KINDS: dict[str, dict[str, Any]] = {"features": {"padded": True}, "tokens": {"vocabulary": 9}}
SHORT, LONG = 4, 7
Sizes = tuple[int, ...]


def build(name: str, shape: Sizes, *seeds: int, **options: Any) -> nn.Module:
    encoder = plugins("encoders")[name].model_validate(options)
    init = Init([stream(seed, "init") for seed in seeds], torch.float64)
    return encoder.build(shape, init)[0]  # type: ignore[attr-defined]


def samples(kind: str, members: int = 2) -> Tensor:
    """``(member, 3, SHORT, …)``, no step of which is padding."""
    if kind == "tokens":
        tokens = torch.randint(1, 10, (members, 3, SHORT), generator=stream(0, "x"))
        return tokens.double()
    return torch.randn(members, 3, SHORT, 5, generator=stream(0, "x"), dtype=torch.float64)


def at_end(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_zeros(*x.shape[:2], LONG - SHORT, *x.shape[3:])], dim=2)


def give_weights(short: nn.Module, long: nn.Module) -> None:
    """The long network's own to the short one, which has fewer positions."""
    own, others = short.state_dict(), long.state_dict()
    cut = {name: t[:, :, :SHORT] for name, t in others.items() if "positions" in name}
    assert own.keys() == others.keys()
    short.load_state_dict({**others, **cut})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_features_are_those_without_padding(name: str, kind: str) -> None:
    x = samples(kind)
    long = build(name, (LONG, *x.shape[3:]), 0, 1, **KINDS[kind])
    short = build(name, tuple(x.shape[2:]), 0, 1, **KINDS[kind])
    give_weights(short, long)
    assert torch.allclose(long(at_end(x)), short(x), atol=1e-12)
    if kind == "features":
        unmasked = build(name, (LONG, 5), 0, 1)
        assert not torch.allclose(unmasked(at_end(x)), short(x), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_without_padding(name: str, kind: str) -> None:
    x = samples(kind)
    long = build(name, (LONG, *x.shape[3:]), 0, 1, **KINDS[kind])
    short = build(name, tuple(x.shape[2:]), 0, 1, **KINDS[kind])
    give_weights(short, long)
    long(at_end(x)).square().sum().backward()
    short(x).square().sum().backward()
    gradients = dict(long.named_parameters())
    for parameter, own in short.named_parameters():
        found = gradients[parameter].grad
        assert found is not None
        assert own.grad is not None
        if "positions" in parameter:
            assert not found[:, :, SHORT:].any()
            found = found[:, :, :SHORT]
        assert torch.allclose(found, own.grad, atol=1e-12), parameter


@pytest.mark.parametrize("depth", [1, 2])
def test_a_recurrence_passes_over_padding_wherever_it_is(depth: int) -> None:
    x = samples("features")
    module = build("gru", (LONG, 5), 0, 1, padded=True, depth=depth)
    holes = x.new_zeros(2, 3, LONG, 5)
    holes[:, :, [1, 2, 4, 6]] = x
    assert torch.allclose(module(holes), module(x), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_padding_alone_is_zeros_and_harms_no_gradient(name: str, kind: str) -> None:
    x = samples(kind)
    x[:, 1] = 0
    module = build(name, tuple(x.shape[2:]), 0, 1, **KINDS[kind])
    features = module(x)
    assert not features[:, 1].any()
    assert features[:, 0].any()
    features.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_members_and_samples_are_their_own(name: str, kind: str) -> None:
    x = samples(kind)
    x[0, 1, 2:], x[1, 1, 1:], x[1, 2] = 0, 0, 0
    shape = tuple(x.shape[2:])
    together = build(name, shape, 1, 2, **KINDS[kind])(x)
    for k in range(2):
        alone = build(name, shape, k + 1, **KINDS[kind])
        assert torch.allclose(together[k : k + 1], alone(x[k : k + 1]), atol=1e-12)
        one = alone(x[k : k + 1, 1:2])
        assert torch.allclose(together[k : k + 1, 1:2], one, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_that_do_not_fit_are_refused_in_words(name: str) -> None:
    plugin = plugins("encoders")[name]
    plain, tokens = plugin(), plugin.model_validate({"vocabulary": 9})
    assert isinstance(plain, Encoder)
    assert isinstance(tokens, Encoder)
    said = f"{name} reads sequences (time, channel, …), or tokens (token,) with a vocabulary"
    assert plain.misfit((7,)) == f"{said}, not (7,)"
    assert tokens.misfit((7, 5)) == f"{name} with a vocabulary reads tokens (token,), not (7, 5)"
    assert not plain.misfit((7, 5))
    assert not tokens.misfit((7,))


def split(count: int, seed: int) -> Split:
    """Padded sequences and titles of words; one feature is large, one is far from 0."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    lengths = rng.integers(1, 6, count)
    steps = np.arange(5) < lengths[:, None]
    signal = rng.normal(size=(count, 5, 3)) + (2 * labels[:, None, None] - 1)
    features = np.where(steps[..., None], signal * [1, 1000, 0.01] + [0, 0, 1], 0)
    words = np.where(steps, rng.integers(1, 5, (count, 5)) + 4 * labels[:, None], 0)
    views = {"touch": features.astype(np.float32), "text": words.astype(np.float32)}
    return Split(views, labels.astype(np.int64))


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    parts = [split(count, seed) for seed, count in enumerate((80, 40, 40))]
    return Dataset("toy", "toy", Classes(("no", "yes")), *parts, digest="0")


def recipe(name: str, seed: int = 0) -> Recipe:
    content = toy_recipe(
        {"touch": (5, 3), "text": (5,)},
        {"name": "arm", "tau": 1.0, "warmup_epochs": 0},
        epochs=4,
        seed=seed,
        optimizer={"name": "adamw", "lr": 0.01},
    ).model_dump()
    for modality, kind in (("touch", "features"), ("text", "tokens")):
        content["modalities"][modality]["encoder"] = {"name": name, **KINDS[kind]}
    return Recipe.model_validate(content)


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_learns_like_each_alone(name: str, dataset: Dataset) -> None:
    pair = [recipe(name, seed) for seed in (0, 1)]
    learn_alike_packed_and_alone(pair, dataset)


@pytest.mark.parametrize("name", NAMES)
def test_exported_models_pass_over_padding_too(name: str, dataset: Dataset, tmp_path: Path) -> None:
    run = Run([recipe(name)], dataset)
    train(run, lambda *_: None)
    run.save_model(tmp_path / MODEL)
    bundle, formats = tmp_path / "best", ["torch", "onnx"]
    # Each format is compared with the trained model as it is written.
    metrics = {"validation": run.best[0]}
    write_bundle(bundle, run.recipes[0], tmp_path / MODEL, dataset, run.scales, metrics, formats)
    classes = Predictor(bundle).predict(dataset.test.views).classes
    assert (classes == dataset.test.labels).mean() > 0.8
