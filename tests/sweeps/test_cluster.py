"""A sweep over two Ray nodes, of which one is killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, FakeTraining, FakeWorkshop, fake_recipe

from armtune.files import write_text
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.records import Listener, TrialRecord
from armtune.sweeps.workers.trial import METRICS, trial_folder

HERE = Path(__file__).parent
TRIALS = 8
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 200,
    "health_check_failure_threshold": 3,
}
"""Lets Ray miss a node within a second."""


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    from armtune.sweeps.engines.ray_tune import ray

    assert not ray.is_initialized()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
        head = {"num_cpus": 1, "num_gpus": 1, "_system_config": QUICK}
        made = Cluster(initialize_head=True, head_node_args=head)
        yield made
        made.shutdown()


class NotingNode(FakeTraining):
    """Leaves its node's number (the raylet is its parent); it waits half done for another's."""

    def advance(self) -> list[dict[str, float]]:
        time.sleep(0.1)
        notes = Path(self.recipe.data.model_dump()["path"])
        write_text(notes / str(self.lr), str(os.getppid()))
        until = time.monotonic() + 60
        while self.epoch >= 4 and len(nodes_in(notes)) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        return super().advance()


def nodes_in(notes: Path) -> set[str]:
    return {note.read_text() for note in notes.glob("[0-9]*[0-9]")}


class Killing(Listener):
    """Kills a node when a trial on it is half done and others have ended."""

    def __init__(self, cluster: Any, node: Any, notes: Path) -> None:
        self._cluster, self._node, self._notes = cluster, node, notes
        self.killed: list[int] = []
        self.ended: list[TrialRecord] = []

    def trial_ended(self, record: TrialRecord) -> None:
        self.ended.append(record)

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        if len(self.ended) >= 2 and not self.killed and record.epoch >= 3:
            lr = record.values.get("training.optimizer.lr")
            if (self._notes / str(lr)).read_text() == str(raylet(self._node)):
                self._cluster.remove_node(self._node, allow_graceful=False)
                self.killed.append(record.number)


def raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def test_a_killed_node_costs_a_sweep_nothing(cluster: Any, tmp_path: Path) -> None:
    node = cluster.add_node(num_cpus=1, num_gpus=1)
    cluster.wait_for_nodes()
    notes = tmp_path / "notes"
    notes.mkdir()
    killing = Killing(cluster, node, notes)
    recipe = fake_recipe(
        data__path=str(notes),
        sweep__trials=TRIALS,
        sweep__space=CALM,
        sweep__pruner={"name": "pareto_asha", "first_rung": 3, "startup_trials": 99},
        sweep__resources={"cpu": 0.5, "gpu": 0.5},
    )
    place = Place(tmp_path / "run", Path(), address=cluster.address)
    result = run_sweep(recipe, place, (killing,), FakeWorkshop(make=NotingNode))
    assert killing.killed, "both nodes had trials"
    assert [r.state for r in result.records] == ["COMPLETE"] * TRIALS
    assert sorted(r.number for r in killing.ended) == list(range(TRIALS)), "none repeated"
    assert {r.number: r for r in killing.ended} == {r.number: r for r in result.records}
    undisturbed = run_sweep(
        recipe, Place(tmp_path / "alone", Path(), inline=True), (), FakeWorkshop()
    )
    assert [r.metrics for r in result.records] == [r.metrics for r in undisturbed.records]
    for number in range(TRIALS):
        lines = (trial_folder(result.folder, number) / METRICS).read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 10))
