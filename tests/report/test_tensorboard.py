"""What a running TensorBoard answers over HTTP, with either of its readers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any
from urllib.parse import urlencode

import pytest

from armtune.errors import RunError
from armtune.report import tensorboard
from armtune.report.tensorboard import TensorBoardListener

STATES = {"COMPLETE": 1, "PRUNED": 2, "FAIL": 3, "RUNNING": 0}
STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
DIVERGED = "the training diverged, epoch 2: loss is nan"


def tell_sweep(script: Any, folder: Path) -> None:
    """A sweep that was killed once, and has trials that ended in every way."""
    first = TensorBoardListener()
    script.start(first, folder)
    ended = [
        script.play(first, 0, "COMPLETE"),
        script.play(first, 1, "PRUNED", epochs=2),
        script.play(first, 2, "FAIL", epochs=1, reason=DIVERGED),
        script.play(first, 3, "FAIL", epochs=0, reason="no epoch came to its end"),
    ]
    running = [script.play(first, 4, epochs=1), script.play(first, 5, epochs=2)]
    unseen = script.record(6, "COMPLETE", 3)

    second = TensorBoardListener()
    script.start(second, folder, *ended, *running, unseen)
    second.trial_started(script.record(5, epoch=1))
    for epoch in (2, 3):
        told = {**script.metrics(5, epoch), "loss": -float(epoch)}
        second.epoch_ended(script.record(5, epoch=epoch), told)
    last = script.record(5, "COMPLETE", 3)
    second.trial_ended(last)
    for number, seed in ((0, 7), (5, 7), (6, 7), (0, 8), (5, 8)):
        told = {"accuracy": 0.7 + number / 100, "contribution_gap": 0.1}
        second.confirmed(number, seed, {**told, "test/accuracy": 0.6 + seed / 100})
    records = [*ended, running[0], last, unseen]
    second.sweep_ended(records, [0, 5, 6])


class Board:
    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = HTTPConnection("localhost", self.port, timeout=20)
        try:
            connection.request(method, f"/data/{path}", body)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            return content
        finally:
            connection.close()

    def get(self, path: str, **query: str) -> Any:
        return json.loads(self.ask("GET", f"{path}?{urlencode(query)}"))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return json.loads(self.ask("POST", path, json.dumps(body)))

    def rows(self) -> dict[str, Any]:
        request = {"startIndex": 0, "sliceSize": 100, "allowedStatuses": STATUSES}
        groups = self.post("plugin/hparams/session_groups", request).get("sessionGroups", [])
        assert len({group["name"] for group in groups}) == len(groups)
        return {group["name"]: group for group in groups}

    def curve(self, run: str, tag: str) -> list[tuple[int, float]]:
        points = self.get("plugin/scalars/scalars", run=run, tag=tag)
        return [(step, pytest.approx(value)) for _, step, value in points]


@pytest.fixture(scope="module", params=["true", "false"], ids=["fast", "plain"])
def board(
    request: pytest.FixtureRequest, script: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("run")
    tell_sweep(script, folder)
    options = ["--logdir", str(folder), "--port", "0", "--load_fast", request.param]
    command = [sys.executable, "-m", "tensorboard.main", *options, "--reload_interval", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            urls = (re.search(r"http://localhost:(\d+)", line) for line in server.stderr)
            board = Board(int(next(url[1] for url in urls if url)))
            until(lambda: "confirm/0005" in board.get("plugin/scalars/tags"))
            until(lambda: len(board.rows()) == 7)
            until(lambda: "sweep/result" in board.get("plugin/text/tags").get(".", []))
            yield board
        finally:
            server.terminate()


def until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline, "TensorBoard hasn't read the run"
        time.sleep(0.2)


def metric(row: Any, tag: str) -> float | None:
    values = {value["name"]["tag"]: value["value"] for value in row["metricValues"]}
    return values.get(tag)


def test_every_trial_is_one_row_with_its_state(board: Board) -> None:
    states = {name: metric(row, "trial/state") for name, row in board.rows().items()}
    expected = ["COMPLETE", "PRUNED", "FAIL", "FAIL", "RUNNING", "COMPLETE", "COMPLETE"]
    assert states == {f"trials/{n:04d}": STATES[state] for n, state in enumerate(expected)}


def test_rows_carry_status_and_times(board: Board) -> None:
    rows = board.rows()
    sessions = [rows[f"trials/{n:04d}"]["sessions"] for n in (0, 1, 2, 4)]
    assert all(len(session) == 1 for session in sessions)
    statuses = [session[0]["status"] for session in sessions]
    assert statuses == ["STATUS_SUCCESS", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_UNKNOWN"]
    assert sessions[0][0]["startTimeSecs"] == 1000.0
    assert sessions[0][0]["endTimeSecs"] == 1010.0


def test_hyperparameters_that_do_not_apply_are_left_out(board: Board) -> None:
    rows = board.rows()
    assert rows["trials/0000"]["hparams"] == {
        "training.optimizer.lr": 0.01,
        "balancing.name": "arm",
        "balancing.gap_weight": 2.5,
    }
    assert rows["trials/0003"]["hparams"] == {
        "training.optimizer.lr": 0.002,
        "balancing.name": "none",
        "fusion.dim": 8.0,
    }


def test_the_experiment_holds_domains_and_metric_columns(board: Board) -> None:
    experiment = board.post("plugin/hparams/experiment", {})
    infos = {info["name"]: info for info in experiment["hparamInfos"]}
    assert infos["fusion.dim"]["domainInterval"] == {"minValue": 4.0, "maxValue": 64.0}
    assert sorted(infos["balancing.name"]["domainDiscrete"]) == ["arm", "none"]
    titles = [info["displayName"] for info in experiment["metricInfos"]]
    assert titles[:4] == [
        "accuracy",
        "contribution_gap",
        "contribution/image",
        "contribution/audio",
    ]
    assert titles[4] == "state"
    states = experiment["metricInfos"][4]["description"]
    assert states == "0 running, 1 complete, 2 pruned, 3 failed"
    assert titles[5:] == ["epochs", "weakest_accuracy"]


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5, 6])
def test_metric_columns_show_the_best_epoch(board: Board, script: Any, number: int) -> None:
    row = board.rows()[f"trials/{number:04d}"]
    epochs = int(metric(row, "trial/epochs") or 0)
    expected = script.metrics(number, max(1, epochs - 1))
    for info in board.post("plugin/hparams/experiment", {})["metricInfos"]:
        tag = info["name"]["tag"]
        if tag.startswith("best/"):
            assert metric(row, tag) == pytest.approx(expected[tag.removeprefix("best/")])


def test_curves_hold_every_epoch_once(board: Board, script: Any) -> None:
    for name in ("accuracy", "contribution_gap", "contribution/audio", "phi/image"):
        expected = [(epoch, script.metrics(0, epoch)[name]) for epoch in (1, 2, 3)]
        assert board.curve("trials/0000", name) == expected


def test_epochs_trained_again_after_a_kill_replace_the_old_ones(board: Board, script: Any) -> None:
    first = script.metrics(5, 1)["loss"]
    assert board.curve("trials/0005", "loss") == [(1, first), (2, -2.0), (3, -3.0)]


def test_the_layout_overlays_modalities(board: Board, script: Any) -> None:
    layout = board.get("plugin/custom_scalars/layout")
    charts = {c["title"]: c for category in layout["category"] for c in category["chart"]}
    tags = charts["contribution of each modality, and the gap"]["multiline"]["tag"]
    found: set[str] = set()
    for tag in tags:
        answer = board.get("plugin/custom_scalars/scalars", run="trials/0001", tag=tag)
        assert answer["regex_valid"]
        found |= set(answer["tag_to_events"])
    assert found == {"contribution/image", "contribution/audio", "contribution_gap"}


@pytest.mark.parametrize("tag", ["front", "contributions", "importance"])
def test_pictures_are_pictures(board: Board, tag: str) -> None:
    images = board.get("plugin/images/images", run=".", tag=tag, sample="0")
    assert images[-1]["step"] == 7
    path = f"plugin/images/individualImage?{images[-1]['query']}"
    assert board.ask("GET", path).startswith(b"\x89PNG")


def test_texts_name_recipe_data_choice_and_failures(board: Board) -> None:
    def text(run: str, tag: str) -> str:
        return str(board.get("plugin/text/text", run=run, tag=tag)[-1]["text"])

    assert "toy clouds" in text(".", "sweep/data")
    assert "name: arrays" in text(".", "sweep/recipe")
    assert "Trial 5 chosen" in text(".", "sweep/result"), "a re-training of trial 6 failed"
    assert "0.6750 ± 0.0071" in text(".", "sweep/result")
    assert DIVERGED in text("trials/0002", "reason")


def test_confirmations_are_points_over_the_seeds(board: Board) -> None:
    assert board.curve("confirm/0005", "confirmed/test/accuracy") == [(7, 0.67), (8, 0.68)]


def test_a_folder_that_cannot_be_written_is_named(script: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file/run/events.*: can't be written: Not a directory"):
        script.start(TensorBoardListener(), tmp_path / "file" / "run")


def test_resuming_adds_nothing_to_trials_that_had_ended(script: Any, tmp_path: Path) -> None:
    listener = TensorBoardListener()
    script.start(listener, tmp_path)
    record = script.play(listener, 0, "COMPLETE")
    before = sorted((tmp_path / "trials").rglob("*"))
    script.start(TensorBoardListener(), tmp_path, record)
    assert sorted((tmp_path / "trials").rglob("*")) == before


def test_pictures_take_a_small_share_of_a_sweeps_time(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, drawn = [0.0], list[int]()

    class Drawing(TensorBoardListener):
        def _pictures(self, front: Any, step: int) -> None:
            drawn.append(step)
            self._drawing += 1.0

    monkeypatch.setattr(tensorboard, "time", Namespace(time=time.time, monotonic=lambda: now[0]))
    listener = Drawing()
    script.start(listener, tmp_path)
    for number in range(10):
        now[0] += 15
        script.play(listener, number, "COMPLETE")
    assert drawn == [4, 7, 10], "a second of drawing is due every 50 seconds"


def test_a_finished_sweep_that_is_resumed_draws_nothing_again(script: Any, tmp_path: Path) -> None:
    drawn = list[int]()

    class Drawing(TensorBoardListener):
        def _pictures(self, front: Any, step: int) -> None:
            drawn.append(step)

    records = [script.record(number, "COMPLETE", 3) for number in range(3)]
    for known in (records[:2], records[:2], records, records):
        listener = Drawing()
        script.start(listener, tmp_path, *known)
        listener.sweep_ended(known, [0])
    assert drawn == [2, 3]
