"""Augmented trainings: equal in any pack, resumable, and judged on samples as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from armtune.data import Dataset, Split
from armtune.data.folding import folded
from armtune.errors import RecipeError
from armtune.nn.forward import Batch
from armtune.plugins.registry import plugins
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers.packing import program_of
from armtune.testing.toys import TWO, toy_dataset, toy_recipe, with_holes
from armtune.training.folds import CrossValidation
from armtune.training.loop import EpochMetrics, Run, train
from armtune.training.schedule import begin

SHAPES = {"image": (3, 6, 6), "audio": (12,), "touch": (8, 4), "words": (6,)}
IMAGE: dict[str, Any] = {"crop": {"pixels": 2}, "flip": {}, "color": {}, "erasing": {}}
SOUND: dict[str, Any] = {"shift": {"share": 0.3}, "gain": {}, "noise": {"scale": 0.3}}
OTHERS: dict[str, dict[str, Any]] = {
    "touch": {"jitter": {}, "spec_augment": {"bands": 0.3, "time": 0.3}},
    "words": {"token_dropout": {"probability": 0.4}},
}
EVERYTHING = {"image": IMAGE, "audio": SOUND, **OTHERS}


def recipe(noise: float = 0.3, **training: Any) -> Recipe:
    values: dict[str, Any] = {f"modalities.{m}.augment": own for m, own in EVERYTHING.items()}
    values["modalities.words.encoder"] = {"name": "embedding_bag", "vocabulary": 9, "width": 4}
    changed = with_overrides(toy_recipe(SHAPES, **training), values)
    return with_overrides(changed, {"modalities.audio.augment.noise.scale": noise})


def dataset() -> Dataset:
    """Toy clouds, one modality of them made token numbers from 0 to 9; some samples lack some."""
    rng = np.random.default_rng(0)

    def worded(split: Split) -> Split:
        words = rng.integers(0, 10, (len(split), 6)).astype(np.float32)
        return replace(split, views={**split.views, "words": words})

    clouds = toy_dataset(SHAPES)
    parts = {name: worded(getattr(clouds, name)) for name in ("train", "validation", "test")}
    return with_holes(replace(clouds, **parts))


def curve(recipes: list[Recipe], data: Dataset) -> list[list[EpochMetrics]]:
    run, epochs = Run(recipes, data, dtype=torch.float64), list[list[EpochMetrics]]()
    train(run, lambda _, metrics: epochs.append(metrics))
    return epochs


def test_every_augmentation_is_tried_here() -> None:
    assert {name for own in EVERYTHING.values() for name in own} == set(plugins("augmentations"))


def test_a_members_samples_are_its_own_in_any_pack() -> None:
    recipes = [recipe(noise=0.1 * seed, seed=seed, epochs=2) for seed in range(3)]
    assert len({program_of(own) for own in recipes}) == 1
    data = dataset()
    packed = curve(recipes, data)
    for k, own in enumerate(recipes):
        for together, [alone] in zip(packed, curve([own], data), strict=True):
            assert together[k] == pytest.approx(alone, abs=1e-10)
    assert packed[0][0] != packed[0][1]


def test_augmentations_that_are_no_numbers_are_another_program() -> None:
    waves = with_overrides(recipe(), {"modalities.audio.augment.gain.values": "wave"})
    assert program_of(waves) != program_of(recipe())


def test_a_restored_run_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    data, own = dataset(), recipe(epochs=3)
    whole = Run([own], data)
    expected = [whole.advance() for _ in range(3)]
    first = Run([own], data)
    got = [first.advance()]
    first.save(tmp_path / "checkpoint.safetensors")
    stop = iter([False, False, True])
    assert not first.train_steps(lambda: next(stop))
    first.save(tmp_path / "underway.safetensors")
    second = Run([own], data)
    second.restore(tmp_path / "checkpoint.safetensors")
    assert second.resume([tmp_path / "underway.safetensors"])
    got += [second.advance() for _ in range(2)]
    assert got == expected


@pytest.mark.parametrize("how", ["memory", "stream", "folds"])
def test_only_training_steps_see_changed_samples(how: str) -> None:
    """Validation, what folds hold out, test and mean features have samples as they are."""
    data = folded(toy_dataset(), 3) if how == "folds" else toy_dataset()
    held = {} if how == "folds" else {"data": how}
    runs = [
        begin([with_overrides(toy_recipe(**held), {"modalities.audio.augment": own})], data)
        for own in ({}, {"noise": {"scale": 9.0}})
    ]
    for run in runs:
        inner(run).knobs["lr"].zero_()  # so that the networks stay the same
    plain, noisy = (run.advance()[0] for run in runs)
    assert {name for name in plain if plain[name] != noisy[name]} == {"train_loss"}
    one, other = (inner(run).network.mean_features() for run in runs)
    assert all(torch.equal(one[m], other[m]) for m in one)
    if how != "folds":
        assert runs[0].test() == runs[1].test()


def inner(run: Any) -> Run:
    found = run.run if isinstance(run, CrossValidation) else run
    assert isinstance(found, Run)
    return found


def changed(run: Run, step: int = 0) -> Batch:
    """A training batch of the first samples, changed."""
    run.augment.start_epoch(run.epochs, run.steps)
    rows = torch.arange(24).expand(len(run.recipes), 24)
    return run.augment(run.train.take(rows), step)


def augmented(shapes: dict[str, tuple[int, ...]], modality: str, **values: Any) -> Recipe:
    changes = {f"modalities.{modality}.{k}": v for k, v in values.items()}
    return with_overrides(toy_recipe(shapes), changes)


def test_pictures_are_changed_before_they_are_standardised() -> None:
    """A flipped picture is what the flipped file would have given."""
    data = toy_dataset()
    own = augmented(TWO, "image", augment={"flip": {"probability": 1.0}})
    run = Run([own], data, dtype=torch.float64)
    flipped = data.train.views["image"][:24, :, ::-1]
    assert run.scales["image"].mean.std() > 0.1  # each pixel has a mean of its own
    expected = torch.from_numpy(run.scales["image"].apply(flipped)).double()
    assert torch.allclose(changed(run).views["image"][0], expected, atol=1e-6)
    assert torch.equal(
        changed(run).views["audio"], run.train.take(torch.arange(24)[None]).views["audio"]
    )


def test_what_is_missing_stays_missing() -> None:
    data = dataset()
    run = Run([recipe()], data, dtype=torch.float64)
    batch = changed(run)
    for m, there in batch.present.items():
        assert (~there).any()
        assert not batch.views[m][~there].any()


def test_padding_stays_padding() -> None:
    shapes = {"touch": (8, 4), "audio": (5,)}
    data = toy_dataset(shapes)
    for split in (data.train, data.validation, data.test):
        split.views["touch"][:, 5:] = 0
    encoder = {"name": "temporal_cnn", "padded": True, "width": 4, "depth": 1}
    own = augmented(shapes, "touch", encoder=encoder, augment={"noise": {}, "jitter": {"steps": 3}})
    touch = changed(Run([own], data)).views["touch"]
    assert not touch[:, :, 5:].any()
    assert touch[:, :, 0].all()


def test_each_step_epoch_and_seed_draws_anew() -> None:
    own = augmented(TWO, "audio", augment={"noise": {}})
    run = Run([own, with_overrides(own, {"training.seed": 5})], toy_dataset())
    first = changed(run, 0).views["audio"]
    again, later = (changed(run, step).views["audio"] for step in (0, 1))
    assert torch.equal(first, again)
    run.epochs = [1, 1]
    seen = [first[0], first[1], later[0], changed(run, 0).views["audio"][0]]
    assert all(not torch.equal(seen[i], seen[k]) for i in range(4) for k in range(i))


def test_two_of_a_kind_have_draws_of_their_own() -> None:
    twice = {"noise": {"scale": 1.0}, "more": {"name": "noise", "scale": 1.0}}
    run = Run([augmented(TWO, "audio", augment=twice)], toy_dataset())
    once = Run([augmented(TWO, "audio", augment={"noise": {"scale": 2.0}})], toy_dataset())
    assert not torch.allclose(changed(run).views["audio"], changed(once).views["audio"])


@pytest.mark.parametrize(
    ("encoder", "augment", "said"),
    [
        (
            {"name": "mlp"},
            {"crop": {}},
            r"image\.augment\.crop: crop changes pictures .* not \(9,\)",
        ),
        ({"name": "mlp"}, {"token_dropout": {}}, "token_dropout changes token numbers, and mlp"),
        ({"name": "embedding_bag"}, {"noise": {}}, "noise doesn't change token numbers"),
        ({"name": "mlp", "components": 3}, {"shift": {}}, "can't change the principal components"),
        ({"name": "mlp", "bins": 3}, {"noise": {}}, "can't change the bins that mlp reads"),
    ],
    ids=["shape", "no tokens", "tokens", "components", "bins"],
)
def test_what_does_not_fit_is_refused(
    encoder: dict[str, Any], augment: dict[str, Any], said: str
) -> None:
    shapes = {"image": (9,), "audio": (5,)}
    own = augmented(shapes, "image", encoder=encoder, augment=augment)
    with pytest.raises(RecipeError, match=said):
        Run([own], toy_dataset(shapes))


def test_components_may_get_noise() -> None:
    shapes = {"image": (9,), "audio": (5,)}
    encoder = {"name": "mlp", "components": 3}
    run = Run(
        [augmented(shapes, "image", encoder=encoder, augment={"noise": {}})], toy_dataset(shapes)
    )
    assert changed(run).views["image"].shape == (1, 24, 3)
