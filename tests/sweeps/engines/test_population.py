"""Populations on Ray: killed and resumed, short of a member, replayed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from population_process import FAILS, LR, Failing, population

from armtune.bundle.manifest import CARD
from armtune.datasets._load import load_dataset
from armtune.errors import RecipeError, RunError
from armtune.export.from_run import export_trial
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.report.run import RunReport
from armtune.report.tensorboard import TensorBoardListener
from armtune.sweeps import SweepResult, read_lineages, read_records, sweep
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.lineage import LINEAGE, SCHEDULE
from armtune.sweeps.study.reader import read_study
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.workers.trial import METRICS, trial_folder
from armtune.training.loop import train
from armtune.training.schedule import begin

HERE = Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("ray")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose population was killed when its first member had ended."""
    folder = tmp_path_factory.mktemp("population")
    command = [sys.executable, str(HERE / "population_process.py"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ended")
        process.send_signal(signal.SIGKILL)
    return folder


@pytest.fixture(scope="module")
def before(killed: Path) -> tuple[dict[int, Any], dict[int, TrialRecord]]:
    """The comparisons and the ended members as the kill left them."""
    ended = [r for r in read_records(killed / "run") if r.state == "COMPLETE"]
    assert ended
    return read_study(killed / "run").generations(), {r.number: r for r in ended}


@pytest.fixture(scope="module")
def resumed(killed: Path, before: Any) -> SweepResult:
    """The same population, gone on with to its end, and shown in TensorBoard."""
    shown = [TensorBoardListener()]
    return sweep(population(killed), killed / "run", killed, resume=True, listeners=shown)


def longest(result: SweepResult) -> TrialRecord:
    """The member whose settings changed most often."""
    return max(result.records, key=lambda r: len(r.values.get(SCHEDULE, ())))


def test_a_killed_population_goes_on_from_its_last_comparison(
    resumed: SweepResult, before: tuple[dict[int, Any], dict[int, TrialRecord]]
) -> None:
    generations, ended = before
    assert [r.state for r in resumed.records] == ["COMPLETE"] * 4
    assert [r.epoch for r in resumed.records] == [6] * 4
    assert set(generations) == {2, 4}
    assert read_study(resumed.folder).generations() == generations
    assert {n: r for n, r in enumerate(resumed.records) if n in ended} == ended


def test_nothing_but_the_results_is_left_behind(resumed: SweepResult) -> None:
    assert not list(resumed.folder.glob("trials/*/generation-*"))
    assert not list(resumed.folder.glob(".tune-*"))


def test_states_that_a_late_kill_left_are_removed(resumed: SweepResult, killed: Path) -> None:
    left = resumed.folder / "trials" / "0000" / "generation-0004.safetensors"
    left.touch()
    again = sweep(population(killed), killed / "run", killed, resume=True)
    assert again.records == resumed.records
    assert not left.exists()


def test_the_worst_went_on_from_the_best(resumed: SweepResult) -> None:
    study = read_study(resumed.folder)
    for epoch, descents in study.generations().items():
        reached = study.rung(epoch, -1)
        for number, descent in descents.items():
            assert reached[number]["accuracy"] <= reached[descent.parent]["accuracy"]
            assert 1e-5 <= descent.values[LR] <= 0.1
        assert len(descents) == 1


def test_a_members_figures_are_those_of_its_schedule(resumed: SweepResult) -> None:
    record = longest(resumed)
    assert record.values[SCHEDULE]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    recipe = with_overrides(population(resumed.folder.parent), record.values)
    run, curve = begin([recipe], load_dataset(recipe, resumed.folder)), []
    train(run, lambda epoch, metrics: curve.append({"epoch": epoch, **metrics[0]}))
    torch.set_num_threads(threads)
    written = (trial_folder(resumed.folder, record.number) / METRICS).read_text()
    assert run.best == [record.metrics], "to the last bit"
    assert [json.loads(line) for line in written.splitlines()] == curve


def test_confirming_follows_the_schedule(resumed: SweepResult) -> None:
    (number,) = resumed.confirmed
    written = yaml.safe_load(
        (resumed.folder / "confirm" / f"{number:04d}-1000").joinpath("recipe.yaml").read_text()
    )
    assert written["training"]["schedule"] == resumed.records[number].values.get(SCHEDULE, [])


def test_the_lineage_is_shown(resumed: SweepResult) -> None:
    lineages = read_lineages(resumed.folder)
    rows = (resumed.folder / LINEAGE).read_text().splitlines()
    assert len(rows) == 1 + sum(map(len, lineages.values())) > 5
    assert any(b"sweep/lineage" in f.read_bytes() for f in resumed.folder.glob("events.*"))
    report = RunReport.read(resumed.folder)
    (grid,) = [grid for grid in report.grids() if grid.title == "Lineage"]
    assert len(grid.rows) == len(rows) - 1


def test_an_exported_member_says_its_schedule(resumed: SweepResult, tmp_path: Path) -> None:
    record = longest(resumed)
    export_trial(resumed.folder, record.number, tmp_path / "model", ["numpy"])
    written = yaml.safe_load((tmp_path / "model" / "recipe.yaml").read_text())
    assert written["training"]["schedule"] == record.values[SCHEDULE]
    assert "settings changed while it trained" in (tmp_path / "model" / CARD).read_text()


def test_a_population_can_not_grow(resumed: SweepResult) -> None:
    folder = resumed.folder
    with pytest.raises(RunError, match=r"sweep\.trials: 4 then, 5 now"):
        sweep(population(folder.parent, trials=5), folder, folder.parent, resume=True)


@pytest.mark.parametrize("until", ['"generation:2"', '"generation:4"', '"epoch":6'])
def test_a_journal_put_back_comes_to_the_same(
    resumed: SweepResult, tmp_path: Path, until: str
) -> None:
    """States of comparisons, and the checkpoints before them, are gone by then."""
    shutil.copytree(resumed.folder.parent, tmp_path / "again")
    folder = tmp_path / "again" / "run"
    lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
    cut = next(k for k, line in enumerate(lines) if until in line) + (until != '"generation:2"')
    (folder / JOURNAL).write_text("".join(lines[:cut]))
    again = sweep(population(resumed.folder.parent), folder, tmp_path / "again", resume=True)
    assert read_study(folder).generations() == read_study(resumed.folder).generations()
    for record, before in zip(again.records, resumed.records, strict=True):
        assert (record.state, record.epoch, record.reason) == ("COMPLETE", 6, "")
        assert (record.values, record.metrics) == (before.values, before.metrics)
        written, expected = (
            (trial_folder(run, record.number) / METRICS).read_text()
            for run in (folder, resumed.folder)
        )
        assert written == expected


def test_the_others_go_on_without_a_member_and_after_a_death(tmp_path: Path) -> None:
    factory = Failing(tmp_path, note=tmp_path / "died")
    recipe: Recipe = population(tmp_path, confirm=None)
    result = run_sweep(recipe, Place(tmp_path / "run", tmp_path), (), factory)
    assert (tmp_path / "died").exists()
    (failed,) = [r for r in result.records if r.state == "FAIL"]
    assert failed.reason == "ZeroDivisionError: on purpose"
    assert failed.values[LR] == FAILS
    assert [r.epoch for r in result.records if r is not failed] == [6] * 3
    generations = read_study(result.folder).generations()
    assert set(generations) == {2, 4}
    descents = [item for generation in generations.values() for item in generation.items()]
    assert all(failed.number not in (number, descent.parent) for number, descent in descents)


def test_without_ray_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="pbt needs Ray"):
        sweep(population(tmp_path), tmp_path / "run", tmp_path, inline=True)
