"""``armtune board``, and optuna-dashboard on a sweep's journal as it is: both asked over HTTP."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote
from urllib.request import urlopen

import pytest

from armtune.comparison.record import RECORD
from armtune.errors import RunError
from armtune.report.board import links, start_board
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.reader import STUDY
from tests.report.test_tensorboard import Board, until

BOUND = "accuracy >= 0.01"  # of the sweep in conftest.py


@contextmanager
def served(*command: str) -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as server:  # type: ignore[call-overload]
        try:
            yield server
        finally:
            server.terminate()


def ask(url: str) -> Any:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(url, timeout=20) as answer:  # noqa: S310
                return json.load(answer)
        except (URLError, ConnectionError):
            assert time.monotonic() < deadline, f"nothing answers at {url}"
            time.sleep(0.2)


def test_board_shows_several_runs_by_name(toy_run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(toy_run, tmp_path / "other")
    verb = "from armtune.cli import main; main()"
    options = ("board", str(toy_run), str(other), "--port", "0")
    with served(sys.executable, "-u", "-c", verb, *options) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found
        board = Board(int(found[0].rstrip("/").rpartition(":")[2]))
        until(lambda: len(board.rows()) == 6)
        assert set(board.rows()) == {
            f"{r}/trials/{n:04d}" for r in ("toy", "other") for n in range(3)
        }
        assert {"toy/.", "other/."} <= set(board.get("runs"))


def test_board_refuses_what_is_no_run_and_names_alike(toy_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no sweep here"):
        start_board([tmp_path])
    twin = shutil.copytree(toy_run, tmp_path / "toy")
    with pytest.raises(RunError, match="two of the runs are called toy"):
        start_board([toy_run, Path(twin)])


def test_board_takes_a_comparison_and_names_its_sweeps(
    toy_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in ("none", "arm"):
        shutil.copytree(toy_run, tmp_path / method)
    with pytest.raises(RunError, match="there is no sweep here"):
        start_board([tmp_path])
    (tmp_path / RECORD).write_text("{}", encoding="utf-8")
    argued: list[list[str]] = []
    answers = {"configure": lambda argv: argued.append(argv), "launch": lambda: "http://here/"}
    board = SimpleNamespace(**answers)
    program = SimpleNamespace(TensorBoard=lambda: board, TensorBoardServerException=OSError)
    monkeypatch.setitem(sys.modules, "tensorboard", SimpleNamespace(program=program))
    assert start_board([tmp_path], 0) == "http://here/"
    assert argued == [["tensorboard", "--logdir", str(tmp_path), "--port", "0"]]
    found = links([tmp_path], "http://here/")
    texts, curves = (
        re.compile(unquote(found[what].partition("regexInput=")[2]))
        for what in ("texts", "curves of winner, trial 0 and front")
    )
    for method in ("none", "arm"):
        assert texts.match(method)
        assert not texts.match(f"{method}/trials/0000")
        assert curves.match(f"{method}/trials/0000")


def test_optuna_dashboard_opens_the_journal_as_it_is(toy_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna_dashboard")
    journal = shutil.copy(toy_run / JOURNAL, tmp_path / JOURNAL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    program = "from optuna_dashboard._cli import main; main()"
    options = (str(journal), "--host", "127.0.0.1", "--port", port)
    with served(sys.executable, "-c", program, *options):
        (study,) = ask(f"http://127.0.0.1:{port}/api/studies")["study_summaries"]
        assert study["study_name"] == f"{STUDY}: toy"
        detail = ask(f"http://127.0.0.1:{port}/api/studies/{study['study_id']}")
        assert [trial["state"] for trial in detail["trials"]] == ["Complete"] * 3
        assert detail["directions"] == ["maximize", "minimize"]
        assert detail["objective_names"] == ["accuracy", "contribution_gap"]
        for trial in detail["trials"]:
            read = {each["key"]: each["value"] for each in trial["user_attrs"]}
            assert '"contribution/image": ' in read["metrics"]
            assert read[BOUND] == "met"


def test_links_of_many_sweeps_name_no_more_runs_than_are_ticked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        (tmp_path / f"m{number}").mkdir()
        (tmp_path / f"m{number}" / JOURNAL).touch()
    monkeypatch.setattr("armtune.report.board._foremost", lambda name, _: [f"{name}/trials/0000"])
    for what, link in links([tmp_path], "http://here/").items():
        assert unquote(link).count("|") < 40, what
