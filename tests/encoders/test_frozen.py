"""Frozen parts of encoders: computed once, shared, whole in what is exported."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from armtune.bundle.manifest import MODEL
from armtune.bundle.predictor import Predictor
from armtune.bundle.target import check_target
from armtune.data import Dataset, Split
from armtune.data.cache import CacheWriter, cache_root
from armtune.data.cache_usage import kept
from armtune.data.folding import folded
from armtune.encoders import Encoder, Frozen
from armtune.encoders._frozen import are_kept, digest_for, featured
from armtune.encoders.frozen_features import FrozenFeatures
from armtune.encoders.mlp import Mlp
from armtune.errors import RecipeError, RunError
from armtune.export.write import Models, write_models
from armtune.nn.frozen import frozen
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.recipe.frozen import frozen_parts, learnt_encoders
from armtune.recipe.schema import Recipe
from armtune.references.__main__ import as_trained_on
from armtune.references.features import read
from armtune.training.loop import Run, train
from armtune.training.samples import Samples
from armtune.training.schedule import begin
from tests.conftest import toy_dataset, toy_recipe
from tests.encoders.test_huggingface import dataset, recipe

SHAPES: dict[str, tuple[int, ...]] = {"image": (2, 4), "audio": (5,)}


class Sums(nn.Module):
    """Row sums times a weight; counts the samples that it saw."""

    seen = 0

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: Tensor) -> Tensor:
        Sums.seen += len(x)
        return x.sum(-1) * self.weight


class Summed(Frozen):
    """A part that is read from a file with a number in it."""

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        return Sums(float(self.files["weight"].read_text()))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Sums, "seen", 0)


@pytest.fixture
def part(tmp_path: Path) -> Summed:
    (tmp_path / "weight").write_text("3")
    return Summed(Mlp(width=4), {"weight": tmp_path / "weight"})


def test_features_are_computed_once(part: Summed) -> None:
    data = toy_dataset(SHAPES)
    assert not are_kept(data, {"image": part})
    first = featured(data, {"image": part})
    assert are_kept(data, {"image": part})
    samples = len(data.train) + len(data.validation) + len(data.test)
    assert Sums.seen == samples + 1  # one more tells the features' shape
    second = featured(data, {"image": replace(part, then=FrozenFeatures())})
    assert Sums.seen == samples + 1
    for split in ("train", "validation", "test"):
        expected = 3 * getattr(data, split).views["image"].sum(-1)
        for found in (first, second):
            assert np.allclose(getattr(found, split).views["image"], expected, atol=1e-5)
    assert first.shapes == {"image": (2,), "audio": (5,)}
    assert first.digest == second.digest != data.digest


def test_what_features_depend_on_decides_which_are_taken(part: Summed, tmp_path: Path) -> None:
    data = toy_dataset(SHAPES)
    known = {digest_for(data, "image", part)}

    def is_new(dataset: Dataset, one: Frozen) -> bool:
        before = len(known)
        known.add(digest_for(dataset, "image", one))
        return len(known) > before

    class Other(Summed):
        code = 2

    assert is_new(replace(data, digest="other"), part)
    noisy = {**data.train.views, "image": data.train.views["image"] + 1}
    assert is_new(replace(data, train=replace(data.train, views=noisy)), part)
    lacking = {"image": np.arange(len(data.train)) > 3}
    assert is_new(replace(data, train=replace(data.train, present=lacking)), part)
    assert is_new(data, Other(part.then, part.files))
    assert not is_new(data, replace(part, then=Mlp(width=9)))
    (tmp_path / "weight").write_text("4.5")
    assert is_new(data, part)


def test_samples_that_lack_the_modality_are_not_read(part: Summed) -> None:
    data = toy_dataset(SHAPES)
    view = data.train.views["image"].copy()
    view[:5] = np.nan
    there = np.arange(len(view)) >= 5
    holed = replace(data.train, views={**data.train.views, "image": view}, present={"image": there})
    found = featured(replace(data, train=holed), {"image": part}).train
    assert not found.views["image"][:5].any()
    assert np.isfinite(found.views["image"]).all()
    assert found.present["image"] is there


def test_a_frozen_module_has_no_parameters_and_no_file() -> None:
    module = frozen(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout()))
    assert not list(module.parameters())
    assert not module.state_dict()
    assert not module.training
    x = torch.ones(4, 3)
    assert torch.equal(module(x), module(x))
    assert module.double()(x.double()).dtype == torch.float64


def test_a_part_and_what_learns_make_a_whole(part: Summed) -> None:
    class Whole(Encoder):
        name: str = "whole"

        def frozen(self) -> Frozen:
            return part

    init = Init([stream(seed, "init") for seed in (0, 1)], torch.float64)
    module, size = Whole().build((2, 4), init)
    x = torch.randn(2, 6, 2, 4, generator=stream(0, "x"), dtype=torch.float64)
    assert module.train()(x).shape == (2, 6, size) == (2, 6, 4)
    assert not module[0].module.training  # type: ignore[index]
    learnt, _ = part.then.build((2,), Init([stream(s, "init") for s in (0, 1)], torch.float64))
    assert torch.allclose(module(x), learnt(3 * x.sum(-1)))


def with_model(folder: Path, width: int = 0, seed: int = 0, **training: Any) -> Recipe:
    base = recipe(folder, "frozen", seed)
    content = base.model_dump()
    content["modalities"]["text"]["encoder"]["width"] = width
    content["training"] |= training
    return Recipe.model_validate(content)


@pytest.fixture
def count_texts(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many texts the model has read."""
    from armtune.nn.huggingface import TextTower

    counts, forward = [0], TextTower.forward

    def counted(self: TextTower, x: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():  # a count would settle the size of an export
            counts[0] += len(x)
        return forward(self, x)

    monkeypatch.setattr(TextTower, "forward", counted)
    return lambda: counts[0]


def test_trainings_see_vectors(tiny_bert: Path, count_texts: Callable[[], int]) -> None:
    asked = with_model(tiny_bert, width=6)
    assert learnt_encoders(asked)["text"] == Mlp(width=6, depth=1)
    data = dataset()
    run = Run([asked], data)
    assert count_texts() == 121
    train(run, lambda *_: None)
    run.test()
    assert run.best[0]["accuracy"] > 0.8
    assert count_texts() == 121
    assert run.scales["text"].shape == (8,)
    view = run.samples.seen.train.views["text"]
    scaled = run.scales["text"].apply(np.asarray(view))
    assert np.allclose(scaled.mean(0), 0, atol=1e-4)
    assert np.allclose(scaled.std(0), 1, atol=1e-3)
    Run([with_model(tiny_bert, width=0, seed=3)], data)
    assert count_texts() == 121


def test_samples_serve_what_has_the_same_features(tiny_bert: Path, tmp_path: Path) -> None:
    asked = with_model(tiny_bert)
    samples = Samples(asked, dataset(), "cpu")
    assert samples.serve(with_model(tiny_bert, width=4))
    other = shutil.copytree(tiny_bert, tmp_path / "other")
    assert not samples.serve(with_model(Path(other)))


@pytest.mark.parametrize("data", ["memory", "stream"])
def test_holes_folds_and_streams_go_with_frozen_parts(
    tiny_bert: Path, tmp_path: Path, data: str
) -> None:
    whole = dataset()

    def holed(split: Split) -> Split:
        present = {"text": np.arange(len(split)) % 5 > 0}
        return replace(split, present=present)

    parts = {name: holed(getattr(whole, name)) for name in ("train", "validation", "test")}
    asked = with_model(tiny_bert, width=4, folds=3, data=data)
    split = folded(replace(whole, **parts), 3)  # type: ignore[arg-type]
    run = begin([asked, with_model(tiny_bert, width=4, seed=1, folds=3, data=data)], split)
    train(run, lambda *_: None)
    assert run.best[0]["accuracy"] > 0.7
    run.test()
    run.save_model(tmp_path / MODEL)
    models = [Models(asked, [tmp_path / MODEL], run.scales)]
    write_models(tmp_path / "best", models, split, {"validation": run.best[0]}, ["torch"])
    found = Predictor(tmp_path / "best").predict(split.test.views)
    assert np.isfinite(found.probabilities).all()


def test_a_bundle_holds_the_whole_model_and_says_what_training_says(
    tiny_bert: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "bert"))
    asked, data = with_model(folder, width=6), dataset()
    run = Run([asked], data)
    train(run, lambda *_: None)
    run.save_model(tmp_path / MODEL)
    metrics = {"validation": run.best[0]}
    models = [Models(asked, [tmp_path / MODEL], run.scales)]
    for _ in range(2):  # the second takes the first one's place
        about = write_models(tmp_path / "best", models, data, metrics)
        assert set(about["formats"]) == {"torch"}
        assert "numpy" in about["left_out"]
    with run.at_best() as network, torch.no_grad():
        batch = next(run.samples.test().chunks(30))
        views = {m: view.unsqueeze(0) for m, view in batch.views.items()}
        expected = network.fuse(network.encode(views))[0].softmax(-1)
    shutil.rmtree(folder)
    shutil.rmtree(cache_root())
    found = Predictor(tmp_path / "best").predict(data.test.views)
    assert np.allclose(found.probabilities, expected, atol=1e-5)
    module = torch.export.load(tmp_path / "best/model.pt2").module()
    given = {m: torch.from_numpy(view) for m, view in data.test.views.items()}
    told = module(given, {m: torch.ones(30, dtype=torch.bool) for m in given})
    assert torch.allclose(told, expected, atol=1e-5)


def test_strangers_among_a_models_files_are_kept(tiny_bert: Path, tmp_path: Path) -> None:
    asked, data = with_model(tiny_bert), dataset()
    run = Run([asked], data)
    run.save_model(tmp_path / MODEL)
    models, to = [Models(asked, [tmp_path / MODEL], run.scales)], tmp_path / "best"
    write_models(to, models, data, {"validation": {"accuracy": 0.5}}, [])
    check_target(to)
    [model] = to.glob("encoder_*")
    (model / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="holds files that are not a bundle"):
        check_target(to)


def test_a_shape_that_the_encoder_cant_read_is_refused(tiny_bert: Path) -> None:
    wide = toy_dataset({"text": (3, 4), "touch": (3,)})
    with pytest.raises(
        RecipeError, match=r"modalities\.text\.encoder\.name: .*reads token numbers"
    ):
        Samples(with_model(tiny_bert), wide, "cpu")
    long = toy_dataset({"text": (17,), "touch": (3,)})
    with pytest.raises(RecipeError, match=r"modalities\.text\.encoder: .*reads 16 tokens, not 17"):
        Samples(with_model(tiny_bert), long, "cpu")


def test_references_read_the_features(tiny_bert: Path) -> None:
    asked, data = with_model(tiny_bert), dataset()
    waits = iter([False, False, True])

    def ended(_: float) -> bool:
        return next(waits)

    assert as_trained_on(data, frozen_parts(asked), ended) is data
    Samples(asked, data, "cpu")
    seen = as_trained_on(data, frozen_parts(asked), ended)
    assert read(seen.train, "text", tokens=False).rows.shape == (60, 8)
    assert next(waits, None) is None


def test_who_waits_takes_what_was_built(part: Summed, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one process waits for the lock, another builds the same."""
    import armtune.data.cache as cache

    data, waited = toy_dataset(SHAPES), []
    lock = cache.fcntl.lockf

    def wait(*how: Any) -> None:
        if not waited:
            waited.append(True)
            featured(data, {"image": part})
        lock(*how)

    monkeypatch.setattr(cache.fcntl, "lockf", wait)
    featured(data, {"image": part})
    assert waited
    assert Sums.seen == len(data.train) + len(data.validation) + len(data.test) + 1


def test_the_locks_are_nobodys_litter(part: Summed) -> None:
    featured(toy_dataset(SHAPES), {"image": part})
    mine, strange = kept()
    assert [each.path.name.partition("-")[0] for each in mine] == ["features"]
    assert not strange


def test_no_half_of_it_is_kept(part: Summed, monkeypatch: pytest.MonkeyPatch) -> None:
    data, close = toy_dataset(SHAPES), CacheWriter.close
    monkeypatch.setattr(CacheWriter, "close", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        featured(data, {"image": part})
    assert not are_kept(data, {"image": part})
    monkeypatch.setattr(CacheWriter, "close", close)
    assert featured(data, {"image": part}).shapes["image"] == (2,)


def test_augmented_samples_are_read_anew(
    tiny_bert: Path, tmp_path: Path, count_texts: Callable[[], int]
) -> None:
    content = with_model(tiny_bert, width=6, epochs=2).model_dump()
    content["modalities"]["text"]["augment"] = {"token_dropout": {"probability": 0.5}}
    asked, data = Recipe.model_validate(content), dataset()
    assert not frozen_parts(asked)
    run = Run([asked], data)
    assert run.samples.seen is data
    run.advance()
    before = count_texts()
    run.advance()
    assert count_texts() >= before + 60
    run.save_model(tmp_path / MODEL)
    models = [Models(asked, [tmp_path / MODEL], run.scales)]
    about = write_models(tmp_path / "best", models, data, {"validation": run.best[0]}, ["torch"])
    assert about["formats"]["torch"]["largest_difference"] < 1e-5
    assert Predictor(tmp_path / "best").predict(data.test.views).probabilities.shape == (30, 2)


def test_encoders_without_a_frozen_part_are_their_own() -> None:
    asked = toy_recipe()
    assert not frozen_parts(asked)
    assert learnt_encoders(asked) == {m: own.encoder for m, own in asked.modalities.items()}
