from __future__ import annotations

import json
import shutil
from pathlib import Path

from armtune.report.costs import costs_dict, costs_grid, costs_line
from armtune.report.page import page
from armtune.report.run import RunReport
from armtune.sweeps.study.costs import COSTS, Cost

COSTS_KNOWN = [
    Cost("re-trainings", 50.0, 0.5),
    Cost("trials, training", 30.0, 0.3),
    Cost("start", 10.0, 0.1),
    Cost("export", 6.0, 0.06),
    Cost("references", 4.0, 0.04),
]


def test_the_sentence_names_what_cost_most() -> None:
    assert costs_line(COSTS_KNOWN) == (
        "cost: 100 s of all processes: re-trainings 50 %; trials, training 30 %; start 10 %; "
        "export 6 %; the rest 4 %"
    )
    assert costs_line(COSTS_KNOWN[:2]).endswith("trials, training 30 %")
    assert costs_line([]) == ""


def test_the_table_has_seconds_and_shares() -> None:
    grid = costs_grid(COSTS_KNOWN)
    assert grid.rows[0] == ("re-trainings", "50.0", "50 %")
    assert len(grid.rows) == 5
    assert costs_dict(COSTS_KNOWN[:1]) == [{"part": "re-trainings", "seconds": 50.0, "share": 0.5}]


def test_a_runs_page_and_json_say_what_it_cost(toy_run: Path) -> None:
    report = RunReport.read(toy_run)
    told = json.loads(json.dumps(report.as_dict(), allow_nan=False))["costs"]
    assert {"trials, training", "re-trainings"} <= {cost["part"] for cost in told}
    assert abs(sum(cost["share"] for cost in told) - 1) < 0.01
    html = page([report])
    assert "What each part cost" in html
    assert "two workers side by side" in html


def test_a_ledger_that_cant_be_read_is_noted(toy_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(toy_run, tmp_path / "run")
    (run / COSTS).write_text("{")
    report = RunReport.read(run)
    assert report.costs == []
    assert [note for note in report.notes if "costs.json: damaged" in note]
    assert "What each part cost" not in page([report])
