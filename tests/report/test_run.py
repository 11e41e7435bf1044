"""``armtune report`` on the folder of a real sweep, trained in this process."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from armtune import cli
from armtune.data import Dataset
from armtune.errors import RunError
from armtune.files import unwritable
from armtune.recipe.load import dump_recipe, with_overrides
from armtune.recipe.schema import Recipe
from armtune.report import run
from armtune.report.live import LiveListener
from armtune.report.tensorboard import TensorBoardListener
from armtune.sweeps import SweepResult
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.workers.trial import TrainingFactory

SWEEP = {
    "sweep.space": [{"training.optimizer.lr": {"log": [1e-3, 1e-1]}}],
    "sweep.objectives": ["maximize accuracy", "minimize contribution_gap"],
    "sweep.trials": 3,
    "sweep.confirm": {"top": 1, "seeds": 2},
}


@dataclass(frozen=True, kw_only=True)
class ToyWorkshop(TrainingFactory):
    made: Dataset

    def dataset(self, recipe: Recipe) -> Dataset:
        return self.made


def verb(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["armtune", "report", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_a_sweep_is_reported_by_all_that_listen(
    make_recipe: Callable[..., Recipe],
    make_dataset: Callable[..., Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "runs" / "toy"
    recipe = with_overrides(make_recipe(), SWEEP)
    console = Console(file=io.StringIO(), width=100)
    listeners = [TensorBoardListener(), LiveListener(recipe, console)]
    place = Place(folder, tmp_path, inline=True)
    result = run_sweep(recipe, place, listeners, ToyWorkshop(tmp_path, made=make_dataset()))

    assert verb(monkeypatch, str(folder), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["front"], told["chosen"]) == (result.front, result.chosen)
    assert [trial["state"] for trial in told["trials"]] == ["COMPLETE"] * 3
    assert told["trials"][0]["values"] == {"training.optimizer.lr": 0.02}
    assert told["data"] == "toy clouds"
    assert told["confirmed"][str(result.chosen)]["seeds"] == 2
    assert "test/accuracy" in told["confirmed"][str(result.chosen)]["metrics"]

    assert verb(monkeypatch, str(folder)) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("toy on toy clouds", "Trials", "Front", "Confirmed"))
    assert f"★ Trial {result.chosen} chosen" in text

    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.split("  ")[0] for line in lines[:4]] == [
        "toy: 3 trials on toy clouds",
        *(f"trial {n} complete" for n in range(3)),
    ]
    assert len(list(folder.glob("trials/*/events.*"))) == 3


def test_a_folder_without_a_sweep_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(monkeypatch, str(tmp_path / "none")) == 1
    assert "none: there is no sweep here" in capsys.readouterr().err


def test_a_run_whose_origin_is_damaged_is_refused(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "read_study", lambda folder: SimpleNamespace(confirmed=dict))
    monkeypatch.setattr(run, "read_result", lambda folder, _: SweepResult(folder, [], [], None))
    (tmp_path / "recipe.yaml").write_text(dump_recipe(script.recipe()))
    (tmp_path / "origin.json").write_text("{")
    with pytest.raises(RunError, match=r"origin.json: damaged"):
        run.RunReport.read(tmp_path)


def read_only(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str) -> None:
        raise unwritable(path, OSError(errno.EROFS, os.strerror(errno.EROFS)))

    monkeypatch.setattr("armtune.report.page.write_text", refuse)


def taken(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run / "report.html").unlink(missing_ok=True)
    (run / "report.html").mkdir()


@pytest.fixture
def copied(toy_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_run, tmp_path / "run"))


@pytest.mark.parametrize("spoil", [read_only, taken])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_run_that_may_only_be_read_is_shown(
    copied: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[..., None],
    form: list[str],
) -> None:
    assert verb(monkeypatch, str(copied), *form) == 0
    before = capsys.readouterr().out
    spoil(copied, monkeypatch)
    assert verb(monkeypatch, str(copied), *form) == 0
    told = capsys.readouterr()
    assert told.out == before.partition("page: ")[0]
    assert "no page: " in told.err
    assert "name another place with --to" in told.err
    page = copied.parent / "mine.html"
    assert verb(monkeypatch, str(copied), *form, "--to", str(page)) == 0
    assert page.read_text().startswith("<!doctype html>")


def test_the_page_is_written_through_links_and_into_devices(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, target = tmp_path / "link.html", tmp_path / "target.html"
    link.symlink_to(target)
    target.write_text("old")
    target.chmod(0o600)
    for to in (link, Path("/dev/null")):
        assert verb(monkeypatch, str(copied), "--to", str(to)) == 0
    assert link.is_symlink()
    assert target.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("name", ["study.journal", "recipe.yaml", "mine.npz", "link.html", ".", ""])
def test_the_page_takes_no_place_of_anything_else(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (copied / "mine.npz").write_text("mine")
    (copied / "link.html").symlink_to("mine.npz")
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    assert verb(monkeypatch, str(copied), "--to", str(copied / name)) == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"error: {copied / name}: is ")
    assert told.out == ""
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


def test_a_page_takes_the_place_of_an_earlier_one(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = copied.parent / "page"
    for _ in range(2):
        assert verb(monkeypatch, str(copied), "--to", str(page)) == 0
    assert page.read_text().startswith("<!doctype html>")


def test_a_place_that_was_asked_for_and_cannot_be_written_is_an_error(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(monkeypatch, str(copied), "--to", "/dev/full") == 1
    told = capsys.readouterr()
    assert "/dev/full: can't be written: No space left on device" in told.err
    assert "Trials" in told.out


def test_where_the_data_lie_may_be_said_and_nothing_else(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb(monkeypatch, str(copied), "data.path=elsewhere.npz") == 0
    assert "Trials" in capsys.readouterr().out
    assert verb(monkeypatch, str(copied), "training.epochs=3") == 2
    assert "training.epochs: of a run, only where its data lie" in capsys.readouterr().err
    assert verb(monkeypatch, "data.path=elsewhere.npz") == 2
