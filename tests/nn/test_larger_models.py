"""Training larger models: clipping, accumulation, bf16, rates and weights for each encoder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from armtune.errors import DataError, RecipeError
from armtune.recipe.load import load_recipe, with_overrides
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train
from tests.conftest import toy_dataset, toy_recipe

SGD = {"name": "sgd", "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0}
ARM = {"name": "arm", "dropout": 0.2, "resampling": 0.5, "warmup_epochs": 0}


def changed(recipe: Recipe, **values: Any) -> Recipe:
    return with_overrides(recipe, {key.replace("__", "."): v for key, v in values.items()})


def trained(*recipes: Recipe, dtype: torch.dtype = torch.float64) -> Run:
    run = Run(recipes, toy_dataset(), dtype=dtype)
    train(run, lambda *_: None)
    return run


def test_accumulated_steps_are_one_large_batch() -> None:
    large = trained(toy_recipe(batch_size=48))
    small = trained(toy_recipe(batch_size=12, accumulate=4))
    assert small.steps == 4 * large.steps
    assert torch.allclose(small.flat.values, large.flat.values, atol=1e-9)
    assert small.best[0] == pytest.approx(large.best[0], abs=1e-9)


def test_more_steps_than_an_epoch_has_are_not_waited_for() -> None:
    few = trained(toy_recipe(batch_size=120, accumulate=50, epochs=2))
    assert (few.accumulate, few.updates) == (2, 1)


def test_accumulation_serves_methods_with_several_hooks() -> None:
    pair = [toy_recipe(balancing=ARM, accumulate=3, seed=seed) for seed in (0, 1)]
    packed = trained(*pair)
    for k, one in enumerate(pair):
        assert packed.best[k] == pytest.approx(trained(one).best[0], abs=1e-9)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_encoders_learn_the_same() -> None:
    pair = [toy_recipe(balancing=ARM, epochs=2, seed=seed) for seed in (0, 1)]
    compiled = trained(*[changed(recipe, training__compile=True) for recipe in pair])
    eager = trained(*pair)
    assert torch.allclose(compiled.flat.values, eager.flat.values, atol=1e-10)
    assert compiled.best == [pytest.approx(metrics, abs=1e-9) for metrics in eager.best]


@pytest.mark.parametrize("clip_norm", [0.01, 1e6])
def test_a_long_gradient_is_shortened_for_each_member(clip_norm: float) -> None:
    pair = [toy_recipe(optimizer=SGD, decay="none", warmup_epochs=0, seed=s) for s in (0, 1)]
    plain, clipped = (
        Run(p, toy_dataset(), dtype=torch.float64)
        for p in (pair, [changed(recipe, training__clip_norm=clip_norm) for recipe in pair])
    )
    batch = plain.train.take(plain.pool[:, :16])
    moves = []
    for run in (plain, clipped):
        before = run.flat.values.clone()
        run._step(batch, run.pool[:, :16], 0)
        moves.append((run.flat.values - before) / SGD["lr"])
    norms = moves[0].norm(dim=1, keepdim=True)
    assert torch.allclose(moves[1], moves[0] * (clip_norm / norms).clamp_max(1), atol=1e-12)


def test_an_encoders_rate_scales_its_steps_and_no_others() -> None:
    recipe = toy_recipe(optimizer=SGD, decay="none", warmup_epochs=0)
    runs = [
        Run([changed(recipe, modalities__image__lr_scale=scale)], toy_dataset())
        for scale in (1.0, 0.5, 0.0)
    ]
    moves = []
    for run in runs:
        before = run.flat.values.clone()
        batch = run.train.take(run.pool[:, :16])
        run._step(batch, run.pool[:, :16], 0)
        moves.append(run.flat.named(run.flat.values - before))
    for name, move in moves[0].items():
        shares = (0.5, 0.0) if name.startswith("encoders.0.") else (1.0, 1.0)
        for other, share in zip(moves[1:], shares, strict=True):
            assert torch.allclose(other[name], move * share, atol=1e-6), name


def test_rates_of_each_member_are_its_own() -> None:
    recipe = toy_recipe()
    pair = [changed(recipe, modalities__audio__lr_scale=scale) for scale in (1.0, 0.1)]
    packed = trained(*pair)
    for k, one in enumerate(pair):
        assert packed.best[k] == pytest.approx(trained(one).best[0], abs=1e-10)


@pytest.mark.parametrize("balancing", [{"name": "none"}, ARM], ids=["none", "arm"])
def test_bf16_encoders_learn_what_float32_ones_do(balancing: dict[str, Any]) -> None:
    recipe = toy_recipe(balancing=balancing, epochs=5)
    mixed = changed(recipe, training__precision="bf16")
    plain, fast = (trained(one, dtype=torch.float32) for one in (recipe, mixed))
    assert not torch.equal(plain.flat.values, fast.flat.values)
    assert fast.best[0]["accuracy"] == pytest.approx(plain.best[0]["accuracy"], abs=0.05)
    assert fast.best[0]["loss"] == pytest.approx(plain.best[0]["loss"], abs=0.05)


def test_bf16_rounds_features_by_its_eight_bits_and_judges_in_float32() -> None:
    recipe = toy_recipe(precision="bf16")
    run = Run([recipe], toy_dataset())
    batch = run.train.take(run.pool[:, :16])
    exact, rounded = run.network.encode(batch.views), run._encode(batch)
    for m, features in rounded.items():
        assert features.dtype == torch.float32
        scale = exact[m].abs().max()
        assert 0 < (features - exact[m]).abs().max() < 2**-6 * scale


def weights_of(run: Run, modality: str) -> dict[str, torch.Tensor]:
    encoder = run.network.encoders[run.network.modalities.index(modality)]
    return {n: p[0].detach().clone().float() for n, p in encoder.named_parameters()}


def test_weights_from_a_file_are_where_every_member_starts(tmp_path: Path) -> None:
    tensors = weights_of(Run([toy_recipe(seed=9)], toy_dataset()), "image")
    save_file({**tensors, "fc.weight": torch.zeros(2)}, tmp_path / "image.safetensors")
    path = str(tmp_path / "image.safetensors")
    pair = [changed(toy_recipe(seed=s), modalities__image__weights=path) for s in (0, 1)]
    run = Run(pair, toy_dataset())
    encoder = run.network.encoders[0]
    for name, parameter in encoder.named_parameters():
        assert torch.equal(parameter[0], tensors[name])
        assert torch.equal(parameter[1], tensors[name])
    assert not torch.equal(*run.network.encoders[1][1].weight)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "image.safetensors"
    recipe = changed(toy_recipe(), modalities__image__weights=str(path))
    tensors = weights_of(Run([toy_recipe()], toy_dataset()), "image")
    save_file({**tensors, "1.weight": torch.zeros(3, 8)}, path)
    with pytest.raises(RecipeError, match=r"image\.safetensors: 1\.weight has shape \(3, 8\), "):
        Run([recipe], toy_dataset())
    save_file({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(RecipeError, match=r"modalities\.image\.weights.*no tensor '1\.weight'"):
        Run([recipe], toy_dataset())
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"image\.safetensors: can't be read as safetensors"):
        Run([recipe], toy_dataset())
    path.unlink()
    with pytest.raises(DataError, match=r"image\.safetensors is not in"):
        Run([recipe], toy_dataset())


def test_weights_lie_beside_the_recipe(tmp_path: Path) -> None:
    text = (
        "name: a\ndata: {name: avmnist}\nmodalities:\n  image: {encoder: {name: mlp}, weights: w}"
    )
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.yaml").modalities["image"].weights == "w"
    (tmp_path / "w").touch()
    found = load_recipe(tmp_path / "recipe.yaml").modalities["image"].weights
    assert found == str((tmp_path / "w").resolve())


def test_token_numbers_are_not_standardised() -> None:
    bag = {"name": "embedding_bag", "vocabulary": 4, "width": 3}
    run = Run([changed(toy_recipe(), modalities__audio__encoder=bag)], toy_dataset())
    views = run.dataset.train.views
    assert torch.equal(run.train.views["audio"], torch.tensor(views["audio"]))
    assert not torch.equal(run.train.views["image"], torch.tensor(views["image"]))
