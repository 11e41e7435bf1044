"""Very many trials: what is drawn and listed stays as much, and says that it isn't all."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from armtune.recipe.objectives import Goals
from armtune.recipe.space import Dimension, Space
from armtune.report import sample as module
from armtune.report.page import page
from armtune.report.run import RunReport
from armtune.report.sample import of_front, sample, sample_line
from armtune.sweeps.study.records import TrialRecord

SPACE = Space((Dimension("training.optimizer.lr", "float", low=1e-4, high=1e-1, log=True),))
DRAWN = 40


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAWN", DRAWN)


@pytest.fixture
def records(script: Any) -> list[TrialRecord]:
    return [script.record(n, "FAIL" if n % 3 else "COMPLETE", 3, reason="odd") for n in range(600)]


def numbers(records: list[TrialRecord]) -> list[int]:
    return [record.number for record in records]


@pytest.mark.parametrize("count", [0, 1, DRAWN])
def test_few_are_all_shown(records: list[TrialRecord], count: int) -> None:
    assert sample(records[:count], [0]) == records[:count]
    assert not sample_line(range(count), count, [0])


def test_of_many_those_that_must_be_seen_and_others_evenly(records: list[TrialRecord]) -> None:
    found = numbers(sample(records, [7, 555, None]))
    assert len(found) == DRAWN
    assert {0, 7, 555} <= set(found)
    assert found == sorted(found)
    gaps = [b - a for a, b in pairwise(found)]
    assert max(gaps) <= 2 * 600 / DRAWN


def test_those_that_must_be_seen_may_be_more(records: list[TrialRecord]) -> None:
    front = list(range(100, 200))
    assert numbers(sample(records, front)) == [0, *front]


def test_of_a_large_front_half_as_many_as_are_drawn() -> None:
    assert of_front(range(DRAWN // 2), 3) == list(range(DRAWN // 2))
    found = of_front(range(0, 1000, 2), 998)
    assert len(found) == DRAWN // 2 + 1
    assert found[-1] == 998
    assert max(b - a for a, b in pairwise(found[:-1])) <= 2 * 1000 / DRAWN


def test_a_page_of_a_large_front_says_how_much_of_it_is_drawn(
    tmp_path: Path, script: Any, records: list[TrialRecord]
) -> None:
    front = [record.number for record in records if record.state == "COMPLETE"]
    text = page([replace(report(tmp_path, script, records), front=front, chosen=front[1])])
    told = re.search(r"show (\d+) of 600 trials: (\d+) of the 200 of the front", text)
    assert told is not None
    assert DRAWN // 2 < int(told[2]) <= int(told[1]) <= DRAWN + 1
    listed = text.partition("<h2>Front</h2>")[2].partition("<h2>Front</h2>")[2]
    assert len(re.findall("<tr>", listed.partition("</table>")[0])) <= DRAWN + 1


def report(folder: Path, script: Any, records: list[TrialRecord]) -> RunReport:
    recipe = script.recipe()
    return RunReport(
        folder=folder, recipe=recipe, space=SPACE, data="toy", goals=Goals.from_recipe(recipe),
        records=records, front=[0, 300], confirmed={}, chosen=300, solo={},
    )  # fmt: skip


def test_a_page_of_many_trials_says_so_and_does_not_grow(
    tmp_path: Path, script: Any, records: list[TrialRecord]
) -> None:
    whole = report(tmp_path, script, records)
    text = page([whole])
    assert f"{DRAWN} of 600 trials" in text
    assert len(whole.as_dict()["trials"]) == 600
    listed = text.partition("<h2>Trials</h2>")[2].partition("</table>")[0]
    assert len(re.findall("<tr>", listed)) == DRAWN + 1
    half = page([replace(whole, records=records[:310])])
    assert len(text) < 1.02 * len(half)


def test_a_page_of_few_trials_says_nothing(
    tmp_path: Path, script: Any, records: list[TrialRecord]
) -> None:
    few = report(tmp_path, script, records[:10])
    assert "trials: the front" not in page([replace(few, front=[0], chosen=0)])
