"""What the parts of a sweep cost, of all its sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_training import FakeWorkshop, fake_recipe

from armtune.errors import RunError
from armtune.recipe.schema import Recipe
from armtune.sweeps import read_result
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.costs import COSTS, DATA, START, Cost, Ledger, costs_of
from armtune.sweeps.study.reader import read_study
from armtune.sweeps.study.records import Listener, TrialRecord

EPOCH = 0.02


class Stopping(Listener):
    """Stops a sweep at the end of a trial, or of an epoch of one."""

    def __init__(self, number: int, epoch: int) -> None:
        self._at = (number, epoch)

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        if (record.number, record.epoch) == self._at:
            raise KeyboardInterrupt


def recipe() -> Recipe:
    halving = {"name": "pareto_asha", "first_rung": 3, "startup_trials": 1}
    confirm = {"top": 1, "seeds": 2}
    return fake_recipe(sweep__trials=8, sweep__pruner=halving, sweep__confirm=confirm)


def swept(folder: Path, *listeners: Listener, before: Any = None) -> Any:
    place = Place(folder, Path(), resume=True, inline=True)
    return run_sweep(recipe(), place, listeners, FakeWorkshop(seconds=EPOCH), before)


def costs(folder: Path) -> dict[str, Cost]:
    found = costs_of(folder, recipe(), read_result(folder), read_study(folder))
    assert found == sorted(found, key=lambda cost: -cost.seconds)
    assert sum(cost.share for cost in found) == pytest.approx(1)
    return {cost.part: cost for cost in found}


def test_every_part_of_a_sweep_has_its_seconds(tmp_path: Path) -> None:
    result = swept(tmp_path, before={DATA: 100.0, START: 10.0})
    known = costs(tmp_path)
    assert 100 < known[DATA].seconds < 102
    assert 10 < known[START].seconds < 12
    # An epoch of a fake training sleeps where it is judged.
    whole = [r for r in result.records if r.state == "COMPLETE"]
    least = EPOCH * sum(r.epoch for r in whole)
    assert least <= known["trials, validation"].seconds < 2 * least + 1
    stopped = EPOCH * sum(r.epoch for r in result.records if r.state == "PRUNED")
    assert stopped > 0
    assert stopped <= known["pruned trials"].seconds < 2 * stopped + 1
    after = EPOCH * 2 * 9
    assert after <= known["re-trainings"].seconds < 2 * after + 1


def test_a_finished_sweep_that_is_resumed_costs_nothing_more(tmp_path: Path) -> None:
    swept(tmp_path)
    before = {part: cost.seconds for part, cost in costs(tmp_path).items()}
    swept(tmp_path)
    after = {part: cost.seconds for part, cost in costs(tmp_path).items()}
    trained = ("trials, validation", "pruned trials", "re-trainings", START)
    assert {part: after[part] for part in trained} == {part: before[part] for part in trained}


def test_what_was_spent_before_an_interruption_counts(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path, Stopping(3, 3), before={START: 10.0})
    ended = {r.number: r.seconds for r in read_study(tmp_path).records() if r.ended}
    assert all(seconds.training > 0 for seconds in ended.values())
    result = swept(tmp_path, before={START: 20.0})
    assert {n: result.records[n].seconds for n in ended} == ended
    assert all(record.seconds.training > 0 for record in result.records)
    assert 30 < costs(tmp_path)[START].seconds < 32


def test_a_long_trials_seconds_are_noted_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.sweeps.study.study.NOTE_SECONDS", EPOCH / 2)
    monkeypatch.setattr("armtune.sweeps.workers.pack.STEP_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path, Stopping(0, 5))
    record = read_study(tmp_path).records()[0]
    assert record.state == "RUNNING"
    assert 4 * EPOCH <= record.seconds.training < 10 * EPOCH


def test_a_run_of_which_no_trials_seconds_are_known_tells_none(tmp_path: Path) -> None:
    swept(tmp_path)
    journal = tmp_path / "study.journal"
    lines = [line for line in journal.read_text().splitlines() if '"seconds": [' not in line]
    kept = [line for line in lines if '"seconds":[' not in line]
    journal.write_text("\n".join(kept) + "\n")
    assert costs_of(tmp_path, recipe(), read_result(tmp_path), read_study(tmp_path)) == []


@pytest.mark.parametrize("content", ['{"start": -1}', '{"start": NaN}', "[]", "{", '{"a": "b"}'])
def test_a_damaged_ledger_is_told_and_begun_anew(tmp_path: Path, content: str) -> None:
    swept(tmp_path)
    (tmp_path / COSTS).write_text(content)
    with pytest.raises(RunError, match=r"costs\.json: damaged: .*isn't told"):
        costs(tmp_path)
    Ledger(tmp_path).add("export", 2.0)
    Ledger(tmp_path).add("export", 0.5)
    assert json.loads((tmp_path / COSTS).read_text()) == {"export": 2.5}
