"""Searches on a small table of curves, by the product's own search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from armtune.recipe.load import with_overrides
from armtune.report.curves import Curve
from armtune.sweeps.run import Place, run_sweep
from benchmarks import tiny
from benchmarks.curves import packed
from benchmarks.search import Course, Tabulated, bests, search
from benchmarks.surrogate import Table

EPOCHS, TRIALS = 9, 8
PRUNED = {"sweep.pruner": {"name": "pareto_asha", "startup_trials": 1}}


def curve(lr: float) -> Curve:
    return [{**tiny.metrics(lr, 0, e), "epoch": float(e)} for e in range(1, EPOCHS + 1)]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    path = tmp_path_factory.mktemp("table") / "tiny.npz"
    rates = np.geomspace(1e-4, 1.0, 60).tolist()
    np.savez_compressed(path, **packed([({tiny.LR: lr}, curve(lr)) for lr in rates]))
    return Table.read(path)


@pytest.fixture(scope="module")
def tabulated(table: Table) -> Tabulated:
    return Tabulated(tiny.recipe(EPOCHS, trials=TRIALS), Path(), table)


def test_a_tiny_training_can_do_all_that_a_sweep_asks_of_it(tmp_path: Path) -> None:
    recipe = tiny.recipe(EPOCHS, trials=TRIALS, confirm={"top": 1, "seeds": 2}, references=False)
    place = Place(tmp_path / "run", tmp_path, inline=True)
    result = run_sweep(recipe, place, (), tiny.TinyWorkshop())
    assert {record.state for record in result.records} <= {"COMPLETE", "PRUNED"}
    assert [c.reason for seeds in result.confirmed.values() for c in seeds] == ["", ""]


def test_a_table_is_read_as_it_was_written(table: Table) -> None:
    assert len(table.settings) == 60
    assert table.metrics == ["accuracy", "contribution_gap"]
    expected = curve(table.settings[7][tiny.LR])[4]["accuracy"]
    assert table.of(["accuracy"])[7, 4, 0] == pytest.approx(expected, abs=1e-4)


def test_a_surrogate_tells_settings_that_it_did_not_see(tabulated: Tabulated) -> None:
    for lr in (3.3e-4, 0.012, 0.2):
        told = tabulated.course({tiny.LR: lr})[-1]
        assert told["accuracy"] == pytest.approx(curve(lr)[-1]["accuracy"], abs=0.03)
    rank, error = tabulated.surrogate.errors["accuracy"]
    assert rank > 0.95
    assert error < 0.2


def test_the_best_epoch_so_far_counts() -> None:
    found = bests(["accuracy", "gap"], [[0.2, 0.1], [0.5, 0.3], [0.4, 0.0]])
    assert [one["accuracy"] for one in found] == [0.2, 0.5, 0.5]
    assert [one["gap"] for one in found] == [0.1, 0.3, 0.3]
    assert [one["epoch"] for one in found] == [1, 2, 2]


def test_a_hypervolume_is_the_area_up_to_the_reference(tabulated: Tabulated) -> None:
    first, second = tabulated.reference
    corner = [(first - 0.2, second - 0.1), (first - 0.1, second - 0.2), (first + 1, second - 1)]
    whole = tabulated.volume([(first - 0.1, second - 0.1)])
    assert tabulated.volume([]) == 0
    assert tabulated.volume(corner) == pytest.approx(3 * whole)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_search_without_pruning_trains_all_trials(tabulated: Tabulated, workers: int) -> None:
    found = search(tabulated, {}, 0, workers)
    assert (found.complete, found.pruned) == (TRIALS, 0)
    assert found.points[-1][0] == TRIALS * EPOCHS
    volumes = [volume for _, volume in found.points]
    assert volumes == sorted(volumes)
    assert 0 < volumes[-1] < 1.1


def test_a_pruned_search_begins_more_trials_with_as_many_epochs(tabulated: Tabulated) -> None:
    found = search(tabulated, PRUNED, 0, 2)
    assert found.pruned > 0
    assert found.complete + found.pruned > TRIALS
    assert TRIALS * EPOCHS <= found.points[-1][0] < (TRIALS + 2) * EPOCHS


def test_the_same_seed_searches_the_same(tabulated: Tabulated) -> None:
    first, second, other = (search(tabulated, PRUNED, seed, 2) for seed in (1, 1, 2))
    assert first == second != other


def test_one_objective_is_measured_by_its_best(table: Table) -> None:
    recipe = tiny.recipe(EPOCHS, trials=TRIALS, objectives=["maximize accuracy"])
    recipe = with_overrides(recipe, {tiny.LR: 0.3})
    single = Tabulated(recipe, Path(), table)
    (worst,) = single.reference
    assert single.volume([(worst,), (worst + 0.1,)]) == 0
    assert 0.5 < search(single, {}, 0, 1).points[-1][1] < 1.1


def test_epochs_until_a_hypervolume() -> None:
    found = Course([(9, 0.1), (18, 0.4)], 2, 0)
    assert found.reaches(0.4) == 18
    assert found.reaches(0.5) == float("inf")
