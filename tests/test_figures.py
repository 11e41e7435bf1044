"""The figures of benchmarks: read from their tables, and compared with the last ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SAID = """
words before
| 200 trials, 8 workers | |
|---|---:|
| driver, ms a trial: first tenth, last tenth | 8.06, 11.09 |
| journal | 23.4 MB |
| slowest part | the pictures of 2 figures |

| method | members | trials an hour |
|---|---:|---:|
| MLP | 1,024 | 1.5 (1.2 to 1.9) |
"""


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    for name in ("all", "compare_last"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_figures_are_the_numbers_of_tables() -> None:
    from all import figures  # type: ignore[import-not-found]

    assert dict(figures(SAID)) == {
        "driver, ms a trial: first tenth, last tenth": 8.06,
        "driver, ms a trial: first tenth, last tenth [1]": 11.09,
        "journal": 23.4,
        "MLP / members": 1024.0,
        "MLP / trials an hour": 1.5,
        "MLP / trials an hour [1]": 1.2,
        "MLP / trials an hour [2]": 1.9,
    }


def test_every_benchmark_that_has_quick_is_run() -> None:
    from all import quick_ones

    known = quick_ones()
    assert {"many_trials", "plan", "start", "throughput", "gpu_all"} <= set(known)
    assert "all" not in known
    assert known["throughput"] == ["recipes/avmnist.yaml", "--quick"]
    assert known["many_trials"] == ["--quick"]
    assert known["gpu_all"] == ["--device", "cpu", "--quick"]


def compared(tmp_path: Path, now: Any, before: Any, *words: str) -> tuple[int, list[str]]:
    from compare_last import main  # type: ignore[import-not-found]

    for name, date, figures in (("new", "2026-12-02", now), ("last", "2026-12-01", before)):
        content = {"date": date, "figures": figures}
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    return main([str(tmp_path / "new"), str(tmp_path / "last"), *words])


@pytest.mark.parametrize(
    ("figure", "before", "now", "code", "said"),
    [
        ("ms", [10.0, 10.2, 9.9], [10.0, 10.1, 10.3], 0, "no change beyond noise"),
        ("ms", [10.0, 10.2, 9.9], [12.0, 12.2, 12.1], 1, "worse: x: ms: 10 → 12.1, +21 %"),
        ("ms", [10.0, 10.2, 9.9], [8.0, 8.1, 7.9], 0, "better: x: ms: 10 → 8, -20 %"),
        ("ms", [8.0, 12.0, 10.0], [12.0, 12.2, 12.1], 0, "no change beyond noise"),
        ("ms", [10.0], [12.5], 0, "no change beyond noise"),
        ("ms", [10.0], [15.0], 1, "worse: x: ms: 10 → 15, +50 %"),
        ("trials an hour", [10.0, 10.1], [8.0, 8.1], 1, "worse: x: trials an hour: "),
        ("trials an hour", [10.0, 10.1], [13.0, 13.1], 0, "better: x: trials an hour: "),
        ("failures", [0.0, 0.0], [1.0, 1.0], 1, "worse: x: failures: 0 → 1, from nothing"),
    ],
    ids=lambda value: str(value).replace(" ", "_"),
)
def test_what_differs_beyond_the_spread_of_repetitions_is_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    figure: str,
    before: list[float],
    now: list[float],
    code: int,
    said: str,
) -> None:
    assert compared(tmp_path, {"x": {figure: now}}, {"x": {figure: before}}) == code
    assert said in capsys.readouterr().out


def test_a_figure_that_is_gone_is_told_and_a_new_one_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {"x": {"ms": [1.0]}, "not run today": {"ms": [1.0]}}
    assert compared(tmp_path, {"x": {"new": [1.0]}}, before) == 1
    assert capsys.readouterr().out.splitlines()[1:] == ["missing: x: ms"]


def test_new_figures_take_the_place_of_the_last_ones(tmp_path: Path) -> None:
    assert compared(tmp_path, {"x": {"ms": [2.0]}}, {"x": {"ms": [1.0]}}, "--keep") == 1
    assert (tmp_path / "last").read_bytes() == (tmp_path / "new").read_bytes()


def test_without_last_figures_nothing_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from compare_last import main

    (tmp_path / "new").write_text(json.dumps({"date": "2026-12-02", "figures": {}}))
    assert main([str(tmp_path / "new"), str(tmp_path / "none")]) == 0
    assert "nothing to compare with" in capsys.readouterr().out
