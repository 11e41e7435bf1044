"""Benchmarks that others start: the one of a card, on the processor, and the one of many trials."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"
CARD = """
import sys
sys.path.insert(0, "benchmarks")
import gpu_all
failed = gpu_all.main(["--device", "cpu", "--quick", "--json", sys.argv[1]])
print("strangers:", sorted({"ray", "optuna", "plotly", "tensorboard"} & sys.modules.keys()))
sys.exit(failed)
"""


def test_the_card_s_benchmark_runs_without_a_card(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    command = [sys.executable, "-c", CARD, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "all agree" in done.stdout
    assert "strangers: []" in done.stdout, "it needs no more than torch and what armtune needs"
    known = json.loads(path.read_text())
    assert {check["kind"] for check in known["checks"]} == {
        *("balancing", "encoders", "fusion", "pack against solo"),
    }
    assert all(check["holds"] for check in known["checks"])
    assert [row["members"] for row in known["speeds"]] == [1, 2, 1]
    assert all(row["trials an hour"] > 0 for row in known["speeds"])
    assert {row["said"] for row in known["graphs"]} == {"no card"}


@pytest.fixture
def gpu_checks(own_plugins: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_checks

    return gpu_checks


def test_what_a_device_computes_wrong_is_told(
    gpu_checks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, calls = gpu_checks._given, []

    def off_by_a_little(module: Any, x: Any) -> Any:
        calls.append(module)
        return [tensor + 1e-4 * (len(calls) % 2) for tensor in given(module, x)]

    monkeypatch.setattr(gpu_checks, "_given", off_by_a_little)
    [check] = [c for c in gpu_checks.checks("cpu", quick=True) if c.name == "concat"]
    assert not check.holds
    assert check.off > 1e-6


def test_what_fails_on_a_device_is_told_and_the_others_go_on(
    gpu_checks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(name: str, device: str) -> float:
        raise torch.OutOfMemoryError("no memory\nand more")

    monkeypatch.setattr(gpu_checks, "method_off", out_of_memory)
    found = list(gpu_checks.checks("cpu", quick=True))
    failed = [check for check in found if not check.holds]
    assert {check.kind for check in failed} == {"balancing"}
    assert {check.said for check in failed} == {"OutOfMemoryError: no memory"}
    assert len(found) > len(failed)


def test_many_trials_are_measured_and_measuring_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/many_trials.py", "--quick", "--workers", "8"]
    command += ["--to", str(tmp_path / "sweep")]
    first, second = (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    for said in ("| last over first |", "| status", "| report", "| report.html |"):
        assert said in first
    line = "| driver, ms a trial: first tenth, last tenth |"
    assert [x for x in first.splitlines() if line in x] == [
        x for x in second.splitlines() if line in x
    ], "nothing was left to train"


def test_opening_a_model_is_measured_beside_what_numpy_takes() -> None:
    command = [sys.executable, "benchmarks/opening.py", "tests/data/earlier_bundle", "--runs", "1"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rows = [line.split("|")[1:-1] for line in said.splitlines() if line.startswith("|")][2:]
    busy = {row[0].strip(): float(row[-1]) for row in rows}
    assert busy["`armtune.load_bundle`"] > busy["`import numpy`"] > busy["nothing"] > 0
