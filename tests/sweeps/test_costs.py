"""Objectives and constraints on what a model costs: parameters, latency, seconds of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_training import CALM, FakeWorkshop, SharedCost, fake_recipe

from armtune.errors import RunError
from armtune.metrics import LATENCY, PARAMETERS, TRAIN_SECONDS
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.sweeps import SweepResult, read_result, sweep
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import MOST_MODELS, Listener, TrialRecord
from armtune.sweeps.workers import pack
from armtune.sweeps.workers.costs import Costs
from armtune.sweeps.workers.seconds import Seconds

GOALS = ["maximize accuracy", "minimize train_seconds", "minimize latency_ms"]
EPOCH = 0.02
"""Seconds of a made-up epoch."""


@pytest.fixture(autouse=True)
def threads() -> object:
    """A sweep in this process sets the number of torch's threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(
    folder: Path,
    *listeners: Listener,
    factory: FakeWorkshop | None = None,
    resume: bool = False,
    inline: bool = True,
    **overrides: Any,
) -> SweepResult:
    usual = {"sweep__space": CALM, "sweep__objectives": GOALS, "training__epochs": 5}
    recipe = fake_recipe(**{**usual, **overrides})
    place = Place(folder / "run", folder, resume, inline)
    return run_sweep(recipe, place, listeners, factory or FakeWorkshop(seconds=EPOCH))


def lines(folder: Path, number: int) -> list[dict[str, float]]:
    text = (folder / "run" / "trials" / f"{number:04d}" / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_costs_are_measured_of_every_trial_and_re_training(tmp_path: Path) -> None:
    result = run(tmp_path, sweep__trials=3, sweep__pack=1, sweep__confirm={"top": 1, "seeds": 2})
    for record in result.records:
        assert record.metrics[LATENCY] == 1.5
        assert 5 * EPOCH <= record.metrics[TRAIN_SECONDS] < 50 * EPOCH
        spent = [line[TRAIN_SECONDS] for line in lines(tmp_path, record.number)]
        assert spent == sorted(spent)
        # The whole training counts, whichever epoch was the best.
        assert record.metrics[TRAIN_SECONDS] == spent[-1]
    assert result.chosen is not None
    confirmed = result.confirmed[result.chosen]
    assert all(c.validation[TRAIN_SECONDS] >= 5 * EPOCH for c in confirmed)
    assert all(c.validation[LATENCY] == 1.5 for c in confirmed)
    assert read_result(result.folder) == result


def test_what_no_goal_names_is_not_measured(tmp_path: Path) -> None:
    result = run(tmp_path, sweep__objectives=["maximize accuracy"], sweep__trials=2)
    assert all({LATENCY, TRAIN_SECONDS}.isdisjoint(r.metrics) for r in result.records)


@pytest.mark.parametrize("text", ["lowest train_seconds", "highest accuracy where latency_ms <= 2"])
def test_the_rule_alone_may_name_them(tmp_path: Path, text: str) -> None:
    goals = {"sweep__objectives": ["maximize accuracy"], "sweep__choose": text}
    result = run(tmp_path, sweep__trials=2, **goals)
    assert result.chosen is not None
    assert {LATENCY, TRAIN_SECONDS} & set(result.records[0].metrics)


def test_members_of_a_pack_share_its_time(tmp_path: Path) -> None:
    # So long that all of it, counted for each member, would exceed the pack's own time.
    factory = SharedCost(seconds=10 * EPOCH, notes=tmp_path)
    result = run(tmp_path, factory=factory, sweep__trials=4, sweep__pack=4)
    seconds = [r.metrics[TRAIN_SECONDS] for r in result.records]
    assert len(set(seconds)) == 1
    whole = max(r.ended for r in result.records) - min(r.started for r in result.records)
    assert 5 * 10 * EPOCH <= sum(seconds) <= whole


def test_an_interrupted_trial_goes_on_counting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(Listener):
        def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
            if (record.number, record.epoch) == (1, 3):
                raise KeyboardInterrupt

    monkeypatch.setattr(pack, "STEP_SECONDS", 0.0)
    monkeypatch.setattr(pack, "SAVE_SECONDS", 0.0)
    options = {"sweep__trials": 2, "sweep__pack": 1}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Stopping(), **options)
    before = lines(tmp_path, 1)
    result = run(tmp_path, resume=True, factory=FakeWorkshop(seconds=2 * EPOCH), **options)
    after = lines(tmp_path, 1)
    assert len(after) == 5
    assert after[: len(before)] == before
    assert after[-1][TRAIN_SECONDS] >= before[-1][TRAIN_SECONDS] + 2 * 2 * EPOCH
    assert result.records[1].metrics[TRAIN_SECONDS] == after[-1][TRAIN_SECONDS]


def test_a_sweep_that_resumes_cannot_choose_by_what_was_not_measured(tmp_path: Path) -> None:
    run(tmp_path, sweep__objectives=["maximize accuracy"], sweep__trials=2)
    with pytest.raises(RunError, match="latency_ms was not measured, as no goal named it"):
        run(
            tmp_path, resume=True, sweep__trials=2, sweep__objectives=["maximize accuracy"],
            sweep__choose="lowest latency_ms",
        )  # fmt: skip


def test_a_pruned_trial_has_its_costs(tmp_path: Path) -> None:
    pruner = {"name": "pareto_asha", "first_rung": 2, "startup_trials": 1}
    result = run(tmp_path, sweep__trials=12, sweep__pack=1, sweep__pruner=pruner)
    pruned = [r for r in result.records if r.state == "PRUNED"]
    assert pruned
    assert all(r.metrics[TRAIN_SECONDS] >= r.epoch * EPOCH for r in pruned)


@pytest.mark.usefixtures("ray")
def test_costs_on_ray(tmp_path: Path) -> None:
    result = run(tmp_path, inline=False, sweep__trials=3, sweep__pack=1)
    assert [r.state for r in result.records] == ["COMPLETE"] * 3
    assert all(r.metrics[LATENCY] == 1.5 for r in result.records)
    assert all(r.metrics[TRAIN_SECONDS] >= 5 * EPOCH for r in result.records)


def test_a_damaged_line_says_nothing() -> None:
    costs = Costs(fake_recipe(sweep__objectives=GOALS))
    costs.take_up('{"epoch": 2, "train_seconds": null, "latency_ms": 2.5}\n')
    costs.measure(lambda: 9.0)
    costs.spend(Seconds(begin=9.0, train=0.375, validate=0.125))
    assert costs.beside({"accuracy": 0.5}) == {
        "accuracy": 0.5, "latency_ms": 2.5, "train_seconds": 0.5,
    }  # fmt: skip
    assert costs.beside({}) == {}


SIZED = [{"modalities.image.encoder.width": {"choice": [4, 64]}}, *CALM]


def sized(recipe: Recipe, **changes: Any) -> Recipe:
    return with_overrides(
        recipe,
        {
            "sweep.space": SIZED,
            "sweep.objectives": ["maximize accuracy", "minimize parameters", "minimize latency_ms"],
            "sweep.constraints": ["parameters <= 700"],
            "sweep.trials": 6,
            "sweep.sampler": {"name": "random"},
            "sweep.choose": "lowest latency_ms where parameters <= 700",
            "training.epochs": 4,
            **{name.replace("__", "."): value for name, value in changes.items()},
        },
    )


@pytest.mark.parametrize("folds", [1, 3])
def test_real_models_are_told_apart_by_their_size(
    real_recipe: Recipe, tmp_path: Path, folds: int
) -> None:
    recipe = sized(real_recipe, training__folds=folds, sweep__confirm=None)
    if folds > 1:
        recipe = with_overrides(recipe, {
            "sweep.constraints": ["parameters <= 2100"],
            "sweep.choose": "lowest latency_ms where parameters <= 2100",
        })  # fmt: skip
    result = sweep(recipe, tmp_path / "run", tmp_path, inline=True)
    widths = {r.number: r.values["modalities.image.encoder.width"] for r in result.records}
    sizes = {
        width: {r.metrics[PARAMETERS] for r in result.records if widths[r.number] == width}
        for width in (4, 64)
    }
    [small], [large] = sizes[4], sizes[64]
    # Two layers into the width, and what reads so many features: fusion and head.
    assert large - small == folds * (60 * (6 + 1 + 1 + 8 + 3) + 64**2 - 4**2)
    assert result.chosen is not None
    assert widths[result.chosen] == 4
    assert all(widths[n] == 4 for n in result.front)
    assert all(0 < r.metrics[LATENCY] < 1000 for r in result.records)


def test_an_ensembles_costs_are_those_of_all_its_models(
    real_recipe: Recipe, tmp_path: Path
) -> None:
    recipe = sized(
        real_recipe,
        sweep__ensemble=MOST_MODELS,
        sweep__constraints=[],
        sweep__choose="lowest loss",
        sweep__objectives=[*GOALS, "minimize parameters"],
    )
    result = sweep(recipe, tmp_path / "run", tmp_path, inline=True)
    assert result.ensemble is not None
    known = {(r.number, 0): r.metrics for r in result.records}
    for number, ends in result.confirmed.items():
        known |= {(number, end.seed): end.validation for end in ends}
    models = [known[model.number, model.seed] for model in result.ensemble.weights]
    for cost in (PARAMETERS, LATENCY, TRAIN_SECONDS):
        assert result.ensemble.validation[cost] == pytest.approx(sum(m[cost] for m in models))
