"""The training loop: equal in any pack, resumable to the last bit, honest about divergence."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from armtune.data import Dataset, Split
from armtune.errors import DivergedError, RunError
from armtune.metrics import TIMED, metric_names
from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe, Training
from armtune.targets.classes import Classes
from armtune.training.learning_rates import rate
from armtune.training.loop import EpochMetrics, Run, train
from tests.conftest import TWO, toy_dataset, toy_recipe

FOUR = {**TWO, "touch": (4,), "depth": (3, 5)}
ARM = {"name": "arm", "resampling": 0.5, "dropout": 0.2, "warmup_epochs": 1}


def curve(recipes: list[Recipe], dataset: Dataset) -> list[list[EpochMetrics]]:
    run = Run(recipes, dataset, dtype=torch.float64)
    epochs: list[list[EpochMetrics]] = []
    train(run, lambda _, metrics: epochs.append(metrics))
    return epochs


@pytest.mark.parametrize("name", plugins("balancing"))
def test_a_run_that_is_dropped_is_gone_at_once(name: str) -> None:
    """A device's memory isn't what the garbage collector looks at."""
    run = Run([toy_recipe(TWO, {"name": name}, epochs=2)], toy_dataset())
    run.advance()
    there = weakref.ref(run), weakref.ref(run.balancer)
    gc.disable()
    try:
        del run
        assert [own() for own in there] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("shapes", [TWO, FOUR], ids=["two", "four"])
@pytest.mark.parametrize("name", ["none", "arm"])
def test_learns_and_reports_every_metric(shapes: dict[str, tuple[int, ...]], name: str) -> None:
    recipe = toy_recipe(shapes, {"name": name}, epochs=8)
    epochs = curve([recipe], toy_dataset(shapes))
    own = {n for n in metric_names(shapes, Classes) if n.split("/")[0] in ("phi", "weight")}
    measured = set(metric_names(shapes, Classes)) - set(TIMED)
    expected = measured - (own if name == "none" else set())
    assert set(epochs[-1][0]) == expected
    assert epochs[-1][0]["accuracy"] > 0.8


def test_a_members_curve_is_its_own_in_any_pack() -> None:
    dataset = toy_dataset()
    recipes = [
        toy_recipe(balancing={**ARM, "tau": tau}, seed=seed, optimizer={"name": "adamw", "lr": lr})
        for seed, tau, lr in ((0, 0.0, 1e-3), (1, 1.0, 1e-2), (2, 0.5, 3e-3))
    ]
    packed = curve(recipes, dataset)
    for k, recipe in enumerate(recipes):
        for together, [alone] in zip(packed, curve([recipe], dataset), strict=True):
            assert together[k] == pytest.approx(alone, abs=1e-10)


def test_lenet_members_are_their_own_in_any_pack() -> None:
    shapes = {"image": (6, 6), "audio": (6, 8)}
    base = toy_recipe(shapes)
    lenet = {"encoder": {"name": "lenet", "width": 2, "features": 4, "kernel": 3}}
    recipes = [
        Recipe.model_validate(
            {
                **base.model_dump(),
                "modalities": dict.fromkeys(shapes, lenet),
                "training": {"epochs": 1, "batch_size": 16, "seed": seed},
            }
        )
        for seed in (3, 4)
    ]
    dataset = toy_dataset(shapes)
    [packed] = curve(recipes, dataset)
    for k, recipe in enumerate(recipes):
        assert packed[k] == pytest.approx(curve([recipe], dataset)[0][0], abs=1e-10)


def test_arm_with_every_part_off_is_none_to_the_last_bit() -> None:
    off = {"name": "arm", "alpha": 0, "gap_weight": 0, "tau": 0}
    dataset = toy_dataset()
    plain = curve([toy_recipe()], dataset)
    for [one], [other] in zip(plain, curve([toy_recipe(balancing=off)], dataset), strict=True):
        assert one == {name: other[name] for name in one}


@pytest.mark.parametrize("balancing", [{"name": "none"}, ARM], ids=["none", "arm"])
def test_a_restored_run_goes_on_as_if_never_stopped(
    balancing: dict[str, object], tmp_path: Path
) -> None:
    dataset, recipe = toy_dataset(), toy_recipe(balancing=balancing, epochs=4)
    whole = Run([recipe], dataset)
    expected = [whole.advance() for _ in range(4)]
    first = Run([recipe], dataset)
    got = [first.advance() for _ in range(2)]
    first.save(tmp_path / "checkpoint.safetensors")
    second = Run([recipe], dataset)
    second.restore(tmp_path / "checkpoint.safetensors")
    got += [second.advance() for _ in range(2)]
    assert got == expected
    assert second.best == whole.best
    assert second.test() == whole.test()


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    run = Run([toy_recipe()], toy_dataset())
    run.save(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match=r"checkpoint\.safetensors: not a checkpoint"):
        run.restore(path)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    Run([toy_recipe()], toy_dataset()).save(path)
    other = Run([toy_recipe(optimizer={"name": "sgd"})], toy_dataset())
    with pytest.raises(RunError, match="not a checkpoint of this training"):
        other.restore(path)


def test_divergence_stops_a_run_with_a_clear_word() -> None:
    recipe = toy_recipe(optimizer={"name": "sgd", "lr": 1e12})
    with pytest.raises(DivergedError, match=r"diverged, epoch \d: (train_)?loss is (nan|inf)"):
        curve([recipe], toy_dataset())


def test_divergence_leaves_the_other_members_alone() -> None:
    dataset = toy_dataset()
    sound = toy_recipe(optimizer={"name": "sgd", "lr": 0.01})
    wild = toy_recipe(optimizer={"name": "sgd", "lr": 1e12})
    run = Run([wild, sound], dataset, dtype=torch.float64)
    epochs: list[list[EpochMetrics]] = []
    train(run, lambda _, metrics: epochs.append(metrics))
    assert run.diverged[0]
    assert not run.diverged[1]
    for together, [alone] in zip(epochs, curve([sound], dataset), strict=True):
        assert together[1] == pytest.approx(alone, abs=1e-10)


def test_the_best_epoch_is_kept_and_the_run_goes_on_from_the_last() -> None:
    run = Run([toy_recipe(epochs=6)], toy_dataset())
    epochs = [run.advance()[0] for _ in range(6)]
    best = max(range(6), key=lambda e: (epochs[e]["accuracy"], -epochs[e]["loss"]))
    assert run.best[0] == {**epochs[best], "epoch": best + 1}
    before = run.flat.values.clone()
    run.test()
    assert torch.equal(run.flat.values, before)


def with_test_labels(dataset: Dataset, labels: np.ndarray) -> Dataset:
    return dataclasses.replace(dataset, test=Split(dataset.test.views, labels))


def test_training_never_sees_the_test_split() -> None:
    dataset = toy_dataset()
    shuffled = with_test_labels(dataset, np.roll(dataset.test.labels, 1))
    assert curve([toy_recipe()], dataset) == curve([toy_recipe()], shuffled)


def test_validation_labels_choose_but_do_not_train() -> None:
    dataset = toy_dataset()
    rolled = Split(dataset.validation.views, np.roll(dataset.validation.labels, 1))
    other = dataclasses.replace(dataset, validation=rolled)
    runs = [Run([toy_recipe(balancing=ARM)], d) for d in (dataset, other)]
    for run in runs:
        run.advance()
    assert torch.equal(runs[0].flat.values, runs[1].flat.values)


@pytest.mark.parametrize("name", ["none", "arm"])
def test_prediction_does_not_depend_on_who_shares_the_batch(name: str) -> None:
    dataset = toy_dataset()
    run = Run(
        [toy_recipe(balancing={"name": name, **({"tau": 2.0} if name == "arm" else {})})],
        dataset,
        dtype=torch.float64,
    )
    train(run, lambda *_: None)
    views = {m: v[None] for m, v in run.validation.views.items()}
    with run.at_best() as network, torch.no_grad():
        whole = network(views).logits
        order = torch.randperm(whole.shape[1])
        shuffled = network({m: v[:, order] for m, v in views.items()}).logits
        singles = [network({m: v[:, k : k + 1] for m, v in views.items()}).logits for k in range(5)]
    assert torch.allclose(whole[:, order], shuffled, atol=1e-12)
    assert torch.allclose(whole[:, :5], torch.cat(singles, dim=1), atol=1e-12)


def test_the_valuation_slice_is_cut_from_train_and_never_trained_on() -> None:
    run = Run([toy_recipe(balancing=ARM), toy_recipe(balancing=ARM, seed=1)], toy_dataset())
    for k in range(2):
        together = torch.cat([run.valuation[k], run.pool[k]])
        assert sorted(together.tolist()) == list(range(240))
        assert len(run.valuation[k]) == 24
    assert not torch.equal(run.valuation[0], run.valuation[1])


def test_rate_warms_up_then_falls_as_a_cosine() -> None:
    plan = Training(epochs=10, warmup_epochs=2)
    rates = [rate(plan, step, 5) for step in range(50)]
    assert rates[:10] == pytest.approx([(k + 1) / 11 for k in range(10)])
    assert rates[10] == 1
    assert rates[30] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.01
    assert rate(Training(epochs=10, decay="none"), 49, 5) == 1


def test_rate_falls_to_a_tenth_as_the_papers_have_it() -> None:
    # Of 100 epochs after the 70th, of 15 after the 11th.
    for epochs, before in ((100, 70), (15, 11), (1, 1)):
        plan = Training(epochs=epochs, warmup_epochs=0, decay="step")
        rates = [rate(plan, step, 5) for step in range(5 * epochs)]
        assert rates == [1.0] * (5 * before) + [0.1] * (5 * (epochs - before))


def test_divergence_names_the_modality_and_sample_it_came_from() -> None:
    run = Run([toy_recipe()], toy_dataset())
    run.train.views["audio"][17, 2] = float("nan")
    with pytest.raises(DivergedError, match="audio: training sample 17 has values that are no"):
        run.advance()


def test_divergence_names_the_features_that_broke() -> None:
    recipe = toy_recipe(optimizer={"name": "sgd", "lr": 1e12})
    with pytest.raises(DivergedError, match="the features of image: training sample 0 has values"):
        curve([recipe], toy_dataset())


def test_a_training_ends_after_epochs_without_a_better_one() -> None:
    recipes = [toy_recipe(epochs=40, patience=3, seed=seed) for seed in range(2)]
    run, told = Run(recipes, toy_dataset()), list[int]()
    train(run, lambda epoch, _: told.append(epoch))
    bests = [int(best["epoch"]) for best in run.best]
    assert told[-1] == max(bests) + 3 < 40


def test_the_last_epoch_is_put_off_by_each_better_one() -> None:
    plan = Training(epochs=10, patience=4)
    assert [plan.last_epoch(best) for best in ({}, {"epoch": 1.0}, {"epoch": 9.0})] == [10, 5, 10]
    assert Training(epochs=10).last_epoch({"epoch": 1.0}) == 10
