"""Packs: which trials may share one, how many pay, and that no trial depends on others in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_training import (
    CALM,
    FakeSamples,
    FakeTraining,
    FakeWorkshop,
    Together,
    accuracy_at,
    fake_recipe,
)

from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.sweeps import SweepResult, sweep
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.search import Search
from armtune.sweeps.study.study import SweepStudy
from armtune.sweeps.workers import packing
from armtune.sweeps.workers.packing import counted, largest, measured, packs_of, program_of
from armtune.sweeps.workers.trial import Failure, Step, Task, trial_folder
from armtune.sweeps.workers.worker import Worker

WIDTHS = {"modalities.*.encoder.width": {"choice": [16, 32]}}


def test_members_may_differ_in_seeds_and_numbers_of_optimizer_and_balancing() -> None:
    one = fake_recipe(balancing__name="arm")
    other = with_overrides(
        one,
        {
            "training.seed": 5,
            "training.optimizer.lr": 0.3,
            "balancing.tau": 1.5,
            "balancing.warmup_epochs": 4,
            "modalities.image.lr_scale": 0.5,
            "sweep.trials": 99,
        },
    )
    assert program_of(one) == program_of(other)


@pytest.mark.parametrize(
    "change",
    [
        {"modalities.image.encoder.width": 8},
        {"training.batch_size": 64},
        {"training.epochs": 8},
        {"training.clip_norm": 1.0},
        {"training.optimizer": {"name": "sgd"}},
        {"balancing.gap": "symmetric"},
        {"balancing.holdout": 0.2},
        {"balancing.name": "none"},
        {"fusion.dim": 8},
    ],
    ids=lambda change: next(iter(change)),
)
def test_members_share_what_shapes_the_program(change: dict[str, Any]) -> None:
    one = fake_recipe(balancing__name="arm")
    assert program_of(one) != program_of(with_overrides(one, change))


def test_a_search_leaves_the_sampler_several_packs_to_learn_from() -> None:
    assert largest(fake_recipe(sweep__trials=64), places=2) == 8
    assert largest(fake_recipe(sweep__trials=6), places=2) == 1
    assert largest(fake_recipe(sweep__trials=64, sweep__trial_seconds=5.0), places=2) == 1
    assert largest(fake_recipe(sweep__trials=6, sweep__pack=3), places=2) == 3


class Clock:
    """Trainings whose steps take as long as they say, without taking it.

    Args:
        shared: seconds of a step whatever the size; 2 ms a member are added.
        steps: of an epoch.
        capacity: members that memory holds.
    """

    def __init__(self, shared: float, steps: int = 1, capacity: int = 64) -> None:
        self.now, self.sizes = 0.0, list[int]()
        clock = self

        class Costly(Together):
            def train_steps(self, pause: Callable[[], bool]) -> bool:
                def spent() -> bool:
                    clock.now += shared + 0.002 * len(self.epochs)
                    return pause()

                for one in self._each:
                    one.steps = steps
                return self._each[0].train_steps(spent)

        class Timed(FakeWorkshop):
            def training(self, recipes: Any, samples: Any) -> Together:
                clock.sizes.append(len(recipes))
                if len(recipes) > capacity:
                    raise torch.OutOfMemoryError("as much as there is")
                return Costly([FakeTraining(recipe) for recipe in recipes])

        self.factory = Timed()

    def perf_counter(self) -> float:
        return self.now

    def measured(self, most: int) -> packing.Packing:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(packing, "time", self)
            return measured(fake_recipe(), self.factory, FakeSamples(), most)


@pytest.mark.parametrize(("shared", "most", "size"), [(0.02, 8, 8), (0.02, 3, 3), (0.0, 8, 1)])
def test_a_size_is_chosen_by_trials_an_hour(shared: float, most: int, size: int) -> None:
    found = Clock(shared).measured(most)
    assert found.size == size
    assert found.gain > 2 if size > 1 else found.gain == pytest.approx(1)


def test_an_epoch_of_hours_is_not_waited_for() -> None:
    clock = Clock(shared=0.02, steps=10**6)
    found = clock.measured(8)
    assert found.size == 8
    assert found.gain == pytest.approx(8 * 0.022 / 0.036, rel=1e-3)
    assert clock.now < 4 * 2.1


def test_what_memory_does_not_hold_is_not_chosen() -> None:
    clock = Clock(shared=0.02, capacity=4)
    assert clock.measured(32).size == 4
    assert clock.sizes == [1, 2, 4, 8]


def test_the_largest_pack_there_is_room_for_is_tried_too() -> None:
    clock = Clock(shared=0.02)
    assert clock.measured(6).size == 6
    assert clock.sizes == [1, 2, 4, 6]


class Numbered(FakeWorkshop):
    """Knows the numbers of an update, and trains nothing."""

    def numbers(self, recipe: Recipe, samples: Any) -> float:
        return 2.5e6 * recipe.training.batch_size

    def training(self, recipes: Sequence[Recipe], samples: Any) -> Together:
        raise AssertionError("a size is counted without a training")


@pytest.mark.parametrize(
    ("batch", "most", "size"),
    [(2, 64, 16), (2, 7, 7), (10, 64, 4), (8, 5, 5), (40, 64, 1), (41, 64, 1), (10**9, 64, 1)],
)
def test_a_counted_size_depends_on_the_updates_numbers_alone(
    monkeypatch: pytest.MonkeyPatch, batch: int, most: int, size: int
) -> None:
    monkeypatch.setattr("time.perf_counter", lambda: pytest.fail("asks the clock"))
    recipe = fake_recipe(training__batch_size=batch)
    found = {counted(recipe, Numbered(), FakeSamples(), most) for _ in range(3)}
    assert found == {size}


@pytest.mark.parametrize("numbers", [math.inf, 1e300])
def test_what_has_no_end_trains_alone(numbers: float) -> None:
    class Endless(FakeWorkshop):
        def numbers(self, recipe: Recipe, samples: Any) -> float:
            return numbers

    assert counted(fake_recipe(), Endless(), FakeSamples(), 64) == 1


def search_of(folder: Path, **overrides: Any) -> Search:
    recipe = fake_recipe(**overrides)
    study = SweepStudy(folder, recipe, load_space(recipe, folder), Goals.from_recipe(recipe))
    return Search(recipe, folder, study, ())


def test_free_places_are_filled_while_the_others_go_on(tmp_path: Path) -> None:
    search = search_of(tmp_path, sweep__trials=5, sweep__space=CALM)
    pack = search.fill((), 3)
    assert [task.number for task in pack] == [0, 1, 2]
    next_pack = search.fill([pack[0], pack[2]], 3)
    assert [task.number for task in next_pack] == [0, 2, 3]
    assert [task.number for task in search.fill(next_pack[1:], 3)] == [2, 3, 4]
    assert search.fill((), 3) == []


def test_no_worker_takes_anothers_share(tmp_path: Path) -> None:
    search = search_of(tmp_path, sweep__trials=5, sweep__space=CALM)
    assert [len(search.fill((), 8, places=2)) for _ in range(2)] == [3, 1]


def test_a_pack_holds_one_program_and_the_others_wait(tmp_path: Path) -> None:
    search = search_of(tmp_path, sweep__trials=12, sweep__space=[*CALM, WIDTHS])
    seen: list[int] = []
    while pack := search.fill((), 4):
        assert len({program_of(task.recipe) for task in pack}) == 1
        seen += [task.number for task in pack]
    assert sorted(seen) == list(range(12))


def test_a_trial_that_was_retried_trains_alone(tmp_path: Path) -> None:
    search = search_of(tmp_path, sweep__trials=4, sweep__space=CALM)
    for task in search.fill((), 2):
        search.started(task.number)
        search.handle(task.number, Failure("the worker died", transient=True))
    packs = [[task.number for task in search.fill((), 2)] for _ in range(3)]
    assert sorted(packs) == [[0], [1], [2, 3]]


def run(folder: Path, **overrides: Any) -> SweepResult:
    halving = {"name": "pareto_asha", "first_rung": 3, "startup_trials": 2}
    recipe = fake_recipe(sweep__trials=9, sweep__pruner=halving, **overrides)
    return run_sweep(recipe, Place(folder, Path(), inline=True), (), FakeWorkshop())


def test_members_that_fail_or_are_pruned_leave_the_others(tmp_path: Path) -> None:
    alone, packed = run(tmp_path / "1"), run(tmp_path / "4", sweep__pack=4)
    assert [r.values for r in alone.records] == [r.values for r in packed.records]
    failed = [r.number for r in packed.records if r.state == "FAIL"]
    assert failed == [r.number for r in alone.records if r.state == "FAIL"] != []
    for one, other in zip(alone.records, packed.records, strict=True):
        if one.state == other.state:
            assert (one.epoch, one.metrics) == (other.epoch, other.metrics)
    assert all(record.epoch in (3, 9) for record in packed.records if record.state == "PRUNED")


def test_a_member_that_raises_fails_alone(tmp_path: Path) -> None:
    worker = Worker(FakeWorkshop(), 1, "cpu")
    rates = {0: 0.01, 1: 0.9, 2: 0.6, 3: 0.02}
    tasks = [
        Task(n, fake_recipe(training__optimizer__lr=lr), tmp_path / "trials" / f"{n}", (3,))
        for n, lr in rates.items()
    ]
    worker.start(tasks)
    said = worker.step()
    assert [one.epoch for one in (said[0], said[3]) if isinstance(one, Step)] == [3, 3]
    assert said[1] == Failure("ZeroDivisionError: on purpose")
    assert said[2] == Failure("the training diverged, epoch 1: loss is nan")
    assert (tasks[1].folder / "error.txt").exists()


def test_a_diverged_member_leaves_its_pack_whole(tmp_path: Path) -> None:
    made: list[int] = []

    class Noting(FakeWorkshop):
        def training(self, recipes: Any, samples: Any) -> Together:
            made.append(len(recipes))
            return super().training(recipes, samples)

    worker = Worker(Noting(), 1, "cpu")
    recipes = [fake_recipe(training__optimizer__lr=lr) for lr in (0.6, 0.01)]
    tasks = [Task(n, r, tmp_path / "trials" / f"{n}", (3,)) for n, r in enumerate(recipes)]
    worker.start(tasks)
    said = worker.step()
    assert said[0] == Failure("the training diverged, epoch 1: loss is nan")
    assert isinstance(said[1], Step)
    assert said[1].epoch == 1
    assert made == [2]


def test_a_member_goes_on_in_other_company_from_where_it_stood(tmp_path: Path) -> None:
    worker = Worker(FakeWorkshop(), 1, "cpu")
    one, other = (Task(n, fake_recipe(), tmp_path / "trials" / f"{n}", (4,)) for n in range(2))
    worker.start([one])
    worker.step()
    again = Task(one.number, one.recipe, one.folder, (4, 6), epoch=4)
    worker.start([other, again])
    said = worker.step()
    # Two epochs on, the one that went on waits at its next rung.
    assert [(step.epoch, len(step.epochs)) for step in said if isinstance(step, Step)] == [
        (2, 2),
        (6, 2),
    ]


def test_re_trainings_of_one_program_are_packed_in_even_shares() -> None:
    narrow, wide = fake_recipe(), fake_recipe(modalities__image__encoder__width=8)
    recipes = [narrow, wide, narrow, narrow, wide, narrow]
    tasks = [Task(n, recipe, Path(f"{n}")) for n, recipe in enumerate(recipes)]

    def numbers(size: int, places: int) -> list[list[int]]:
        return [[task.number for task in pack] for pack in packs_of(tasks, size, places)]

    assert numbers(1, 1) == [[0], [1], [2], [3], [4], [5]]
    assert numbers(4, 1) == [[0, 2, 3, 5], [1, 4]]
    assert numbers(4, 2) == [[0, 2, 3], [1, 4], [5]]


def test_a_re_training_that_fails_leaves_its_pack(tmp_path: Path) -> None:
    worker = Worker(FakeWorkshop(), 1, "cpu")
    rates = (0.01, 0.9, 0.6, 0.02)
    tasks = [
        Task(n, fake_recipe(training__optimizer__lr=lr), tmp_path / "confirm" / f"{n}")
        for n, lr in enumerate(rates)
    ]
    done = worker.confirm(tasks)
    assert [one.reason != "" for one in done] == [False, True, True, False]
    for n in (0, 3):
        assert done[n].validation["accuracy"] == pytest.approx(accuracy_at(rates[n], 9))
        assert done[n].test["accuracy"] == pytest.approx(accuracy_at(rates[n], 9) - 0.05)
        assert (tasks[n].folder / "model.safetensors").exists()


def test_packed_re_trainings_are_those_one_by_one(tmp_path: Path) -> None:
    confirm = {"top": 2, "seeds": 3}
    alone = run(tmp_path / "1", sweep__confirm=confirm)
    packed = run(tmp_path / "4", sweep__confirm=confirm, sweep__pack=4)
    assert packed.confirmed == alone.confirmed
    assert {len(seeds) for seeds in packed.confirmed.values()} == {3}


class Members:
    """Notes how many members each training has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: list[int] = []
        make = FakeWorkshop.training

        def training(shop: FakeWorkshop, recipes: Any, samples: Any) -> Any:
            self.counts.append(len(recipes))
            return make(shop, recipes, samples)

        monkeypatch.setattr(FakeWorkshop, "training", training)


@pytest.mark.parametrize("pack", [3, "auto"])
def test_re_trainings_are_packed_after_a_resumption_too(
    pack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "armtune.sweeps.workers.worker.measured", lambda *_: packing.Packing(3, 2.0)
    )
    recipe = fake_recipe(sweep__trials=12, sweep__pack=pack, sweep__space=CALM)
    place = Place(tmp_path / "run", Path(), inline=True)
    run_sweep(recipe, place, (), FakeWorkshop())
    members = Members(monkeypatch)
    confirm = {"sweep.confirm": {"top": 1, "seeds": 6, "solo": False}}
    resumed = Place(tmp_path / "run", Path(), resume=True, inline=True)
    run_sweep(with_overrides(recipe, confirm), resumed, (), FakeWorkshop())
    assert members.counts == [3, 3]


def test_a_sweep_resumed_without_packs_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "armtune.sweeps.workers.worker.measured", lambda *_: packing.Packing(3, 2.0)
    )
    recipe = fake_recipe(sweep__trials=12, sweep__space=CALM)
    run_sweep(recipe, Place(tmp_path / "run", Path(), inline=True), (), FakeWorkshop())
    members = Members(monkeypatch)
    confirm = {"sweep.confirm": {"top": 1, "seeds": 2, "solo": False}, "sweep.pack": 1}
    resumed = Place(tmp_path / "run", Path(), resume=True, inline=True)
    run_sweep(with_overrides(recipe, confirm), resumed, (), FakeWorkshop())
    assert members.counts == [1, 1]


def values_of(result: SweepResult) -> list[dict[str, float]]:
    return [record.metrics for record in result.records]


def test_real_trials_are_the_same_in_packs(real_recipe: Recipe, tmp_path: Path) -> None:
    changes = {"sweep.pruner": {"name": "none"}, "sweep.sampler": {"name": "random"}}
    recipe = with_overrides(real_recipe, {**changes, "sweep.confirm": None})
    alone = sweep(with_overrides(recipe, {"sweep.pack": 1}), tmp_path / "a", tmp_path, inline=True)
    packed = sweep(with_overrides(recipe, {"sweep.pack": 4}), tmp_path / "b", tmp_path, inline=True)
    assert [r.state for r in packed.records] == ["COMPLETE"] * 6
    for one, other in zip(values_of(alone), values_of(packed), strict=True):
        # In float32 a pack's sums are in another order.
        assert one["accuracy"] == pytest.approx(other["accuracy"], abs=0.04)


def test_with_ray_a_pack_is_refilled_too(real_recipe: Recipe, tmp_path: Path) -> None:
    recipe = with_overrides(real_recipe, {"sweep.pack": 2, "sweep.confirm": None})
    result = sweep(recipe, tmp_path / "runs" / "toy", tmp_path)
    assert {record.state for record in result.records} <= {"COMPLETE", "PRUNED"}
    assert len(result.records) == 6
    for record in result.records:
        own = trial_folder(tmp_path / "runs" / "toy", record.number)
        assert len((own / "metrics.jsonl").read_text().splitlines()) == record.epoch
