"""Trials by folds against trainings on each fold's split alone, and against counts by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from armtune.data import Dataset
from armtune.data.folding import folded
from armtune.data.rows import stacked, taken
from armtune.errors import DivergedError, RunError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.testing.toys import TOYS, toy_dataset, toy_recipe, with_holes
from armtune.training.evaluation import all_outputs, decisions, fused_at
from armtune.training.folds import CrossValidation, held_out_outputs
from armtune.training.loop import Run, train
from armtune.training.samples import Samples
from armtune.training.schedule import ScheduledRun, begin

METHODS: list[dict[str, Any]] = [
    {"name": "none"},
    {"name": "arm"},
    {"name": "pmr"},
    {"name": "sample_valuation"},
    {"name": "ogm_ge"},
]


def by_folds(recipes: list[Recipe], data: Dataset) -> CrossValidation:
    samples = Samples(recipes[0], data, "cpu", torch.float64)
    run = begin(recipes, samples)
    assert isinstance(run, CrossValidation)
    return run


def of_fold(data: Dataset, k: int) -> Dataset:
    """The fold as a data set of its own, by its own split."""
    assert data.folds is not None
    whole = stacked(data.train, data.validation)
    train, held = (taken(whole, rows) for rows in (data.folds.trained(k), data.folds.held[k]))
    return replace(data, train=train, validation=held, folds=None)


def curve(run: Any) -> list[list[dict[str, float]]]:
    epochs: list[list[dict[str, float]]] = []
    train(run, lambda _, metrics: epochs.append(metrics))
    return epochs


@pytest.mark.parametrize("balancing", METHODS, ids=lambda b: b["name"])
def test_members_train_as_they_would_alone_on_their_splits(balancing: dict[str, Any]) -> None:
    data = folded(toy_dataset(samples=60), 5)  # 150 samples of 3 classes: 30 a fold, all alike
    recipe = toy_recipe(balancing=balancing, seed=3)
    other = with_overrides(recipe, {"training.optimizer.lr": 0.005})
    run = by_folds([recipe, other], data)
    curve(run)
    for k in range(5):
        own = of_fold(data, k)
        samples = Samples(recipe, own, "cpu", torch.float64)
        samples.scales = run.scales
        samples.train, samples.validation = samples._split("train"), samples._split("validation")
        for trial, settings in enumerate((recipe, other)):
            alone = Run([settings], samples)
            curve(alone)
            there = run.run.flat.values[trial * 5 + k]
            torch.testing.assert_close(there, alone.flat.values[0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", TOYS)
@pytest.mark.parametrize("repeats", [1, 2])
def test_metrics_are_those_of_all_that_was_held_out(kind: str, repeats: int) -> None:
    from armtune.data.folds import cut_folds

    data = with_holes(TOYS[kind](samples=62))
    whole = stacked(data.train, data.validation)
    folds = cut_folds(data.target.strata(whole.labels), None, 4, repeats)
    run = by_folds([toy_recipe(target=kind)] * 2, replace(data, folds=folds))
    found = run.advance()
    said = {
        name: torch.cat([_own(run, k, folds.held[k])[name] for k in range(len(folds))])
        for name in ("outputs", "labels")
    }
    target = data.target
    outputs, labels = said["outputs"][None, None], said["labels"][None]
    score = target.scores(
        target.marks(target.decide(outputs), labels).sum(3).double(),
        torch.tensor([[152.0 * repeats]]),
    )
    assert found[0] == found[1]
    assert found[0][target.score] == pytest.approx(float(score), abs=1e-12)
    assert found[0]["loss"] == pytest.approx(float(target.losses(outputs, labels).mean()))


def _own(run: CrossValidation, k: int, rows: Any) -> dict[str, torch.Tensor]:
    """What a fold's member says of some samples, one by one."""
    network, inner = run.run.network, run.run
    every = torch.from_numpy(rows).expand(len(network.means), -1)
    batch = inner.train.take(every)
    with torch.no_grad():
        outputs = decisions(network, network.encode(batch.views, batch.present))
    return {"outputs": outputs[k, fused_at(2)], "labels": batch.labels[k]}


def test_an_accuracy_counted_by_hand() -> None:
    data = folded(toy_dataset(samples=33), 4)
    assert data.folds is not None
    run = by_folds([toy_recipe()], data)
    [metrics] = run.advance()
    right = 0
    for k, held in enumerate(data.folds.held):
        own = _own(run, k, held)
        right += int((own["outputs"].argmax(1) == own["labels"]).sum())
    assert metrics["accuracy"] == right / 123
    share = metrics["accuracy"]
    assert metrics["standard_error"] == pytest.approx((share * (1 - share) / 123) ** 0.5, rel=0.5)


def test_outputs_stand_in_the_samples_order() -> None:
    from armtune.data.folds import cut_folds

    data = toy_dataset(samples=33)
    folds = cut_folds(np.arange(123) % 3, None, 4, 2)
    run = by_folds([toy_recipe()], replace(data, folds=folds))
    run.advance()
    inner = run.run
    told = held_out_outputs(inner.network, inner.train, inner.target, folds)
    assert told.shape[:3] == (1, 5, 123)
    expected = torch.zeros(123, 3, dtype=torch.float64)
    for k, held in enumerate(folds.held):
        expected[torch.from_numpy(held)] += _own(run, k, held)["outputs"] / 2
    torch.testing.assert_close(told[0, fused_at(2)], expected)


def test_no_training_sees_what_it_holds_out_nor_the_test_split() -> None:
    data = folded(toy_dataset(samples=33), 4)
    assert data.folds is not None
    run = by_folds([toy_recipe(balancing={"name": "arm"})], data).run
    for k, held in enumerate(data.folds.held):
        seen = {*run.pool[k].tolist(), *run.valuation[k].tolist()}
        assert not seen & set(held.tolist())
        assert seen == set(data.folds.trained(k).tolist())
        assert not set(run.pool[k].tolist()) & set(run.valuation[k].tolist())
    spoilt = {m: np.full_like(view, np.nan) for m, view in data.test.views.items()}
    blind = by_folds(
        [toy_recipe(balancing={"name": "arm"})],
        replace(
            data, test=replace(data.test, views=spoilt, labels=np.zeros_like(data.test.labels))
        ),
    )
    whole = by_folds([toy_recipe(balancing={"name": "arm"})], data)
    assert curve(blind) == curve(whole)


def test_a_scale_is_the_training_splits() -> None:
    data = toy_dataset(samples=33)
    plain, by = (Samples(toy_recipe(), d, "cpu") for d in (data, folded(data, 4)))
    for m, scale in plain.scales.items():
        np.testing.assert_array_equal(scale.mean, by.scales[m].mean)


def test_a_trial_in_company_equals_itself_alone() -> None:
    data, recipe = folded(toy_dataset(samples=60), 5), toy_recipe(balancing={"name": "arm"})
    other = with_overrides(recipe, {"training.seed": 1, "training.optimizer.lr": 0.1})
    both, alone = curve(by_folds([other, recipe], data)), curve(by_folds([recipe], data))
    for together, own in zip(both, alone, strict=True):
        assert together[1] == pytest.approx(own[0], abs=1e-10)


@pytest.mark.parametrize("within", [False, True])
def test_a_restored_trial_goes_on_as_if_never_stopped(tmp_path: Path, within: bool) -> None:
    data, recipe = folded(toy_dataset(samples=60), 5), toy_recipe(balancing={"name": "arm"})
    whole = curve(by_folds([recipe], data))
    stopped = by_folds([recipe], data)
    stopped.advance()
    stopped.save(tmp_path / "trial")
    if within:
        stopped.train_steps(lambda: True)
        stopped.save(tmp_path / "underway")
    resumed = by_folds([recipe], data)
    resumed.restore(tmp_path / "trial")
    if within:
        assert resumed.resume([tmp_path / "underway"])
    assert curve(resumed) == whole[1:]
    assert resumed.best == [
        max((e[0] for e in whole), key=_rank) | {"epoch": resumed.best[0]["epoch"]}
    ]


def _rank(metrics: dict[str, float]) -> tuple[float, float]:
    return metrics["accuracy"], -metrics["loss"]


def test_a_checkpoint_of_other_folds_is_refused(tmp_path: Path) -> None:
    data, recipe = toy_dataset(samples=60), toy_recipe()
    by_folds([recipe], folded(data, 5)).save(tmp_path / "trial")
    with pytest.raises(RunError, match="not a checkpoint of a training with 4 folds"):
        by_folds([recipe], folded(data, 4)).restore(tmp_path / "trial")


def test_one_broken_fold_ends_its_trial_and_no_other() -> None:
    data, recipe = folded(toy_dataset(samples=60), 5), toy_recipe()
    run, sound = by_folds([recipe, recipe], data), by_folds([recipe], data)
    run.run.flat.values.data[2] = torch.nan  # the third fold of the first trial
    metrics = run.advance()
    assert "diverged" in run.diverged[0]
    assert not run.diverged[1]
    assert metrics[1] == pytest.approx(sound.advance()[0], abs=1e-10)
    lone = by_folds([recipe], data)
    lone.run.flat.values.data[2] = torch.nan
    with pytest.raises(DivergedError):
        lone.advance()


def test_a_trials_model_is_all_of_its_folds_and_serves_their_mean(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    data = folded(with_holes(toy_dataset(samples=60)), 5)
    run = by_folds([toy_recipe(), toy_recipe(seed=1)], data)
    curve(run)
    run.save_model(tmp_path / "model", 1)
    saved = load_file(tmp_path / "model")
    torch.testing.assert_close(saved["means"], run.run.kept.state["means"][5:])
    tested = run.test()
    run.save_outputs("test", {1: tmp_path / "test"})
    told = load_file(tmp_path / "test")["outputs"]
    with run.run.at_best() as network:
        each = all_outputs(network, run.run.samples.test())[5:]
    torch.testing.assert_close(told, each.mean(0).float())
    right = told[fused_at(2)].argmax(-1).numpy() == data.test.labels
    assert tested[1]["accuracy"] == pytest.approx(right.mean())
    assert run.tested[1].tolist() == pytest.approx(right.astype(float))


def test_a_schedule_changes_all_folds() -> None:
    change = {"epoch": 1, "values": {"training.optimizer.lr": 1e-30}}
    run = by_folds([toy_recipe(schedule=[change])], folded(toy_dataset(samples=60), 5))
    assert isinstance(run.run, ScheduledRun)
    run.advance()
    before = run.run.flat.values.clone()
    run.advance()
    assert torch.equal(run.run.flat.values, before)


def test_streamed_folds_equal_those_in_memory() -> None:
    data = folded(with_holes(toy_dataset(samples=60)), 5)
    streamed = by_folds([toy_recipe(data="stream")], data)
    for own, other in zip(
        curve(streamed), curve(by_folds([toy_recipe(data="memory")], data)), strict=True
    ):
        assert own[0] == pytest.approx(other[0], abs=1e-12)


def test_a_refit_holds_nothing_out() -> None:
    run = begin([toy_recipe(refit=True)], folded(toy_dataset(samples=60), 5))
    assert isinstance(run, Run)
    assert len(run.train) == 150


def test_teachers_are_trained_by_folds_too() -> None:
    recipe = toy_recipe(balancing={"name": "unimodal_distillation"})
    [metrics] = by_folds([recipe], folded(toy_dataset(samples=60), 5)).advance()
    assert np.isfinite(metrics["loss"])
