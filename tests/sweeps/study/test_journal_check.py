"""A journal that no sweep can have written is refused with its line."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, FakeWorkshop, fake_recipe

from armtune.errors import RunError
from armtune.report.status import read_status
from armtune.sweeps import read_confirmed, read_records, read_result
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.study.journal_check import check_journal

Records = list[dict[str, Any]]
RECIPE = fake_recipe(
    sweep__space=CALM,
    sweep__pruner={"name": "pareto_asha", "first_rung": 3},
    sweep__confirm={"top": 1, "seeds": 2, "solo": True},
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    run_sweep(RECIPE, Place(folder, Path(), inline=True), (), FakeWorkshop())
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def records(run: Path) -> Records:
    return [json.loads(line) for line in (run / JOURNAL).read_text().splitlines()]


def write(run: Path, changed: list[Any]) -> None:
    (run / JOURNAL).write_text("".join(json.dumps(record) + "\n" for record in changed))


def resume(run: Path) -> None:
    place = Place(run, Path(), resume=True, inline=True)
    run_sweep(RECIPE, place, (), FakeWorkshop())


def refused(run: Path, line: int, why: str) -> None:
    """All that reads the journal refuses it, and nothing in the folder is changed."""
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    where = f"{JOURNAL}: not the study.*line 1" if line == 1 else f"{JOURNAL}:{line}: this line"
    for reads in (read_records, read_confirmed, read_result, read_status, resume):
        with pytest.raises(RunError, match=f"{where}.*{why}"):
            reads(run)
    lock = run / "sweep.lock"
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file() and p != lock} == {
        p: content for p, content in before.items() if p != lock
    }


def test_a_sound_one_is_not(run: Path) -> None:
    check_journal(run / JOURNAL, "armtune")
    resume(run)  # which begins the study again, in its file
    check_journal(run / JOURNAL, "armtune")


def test_what_others_note_is_not(run: Path) -> None:
    noted = {"op_code": 3, "worker_id": "dashboard", "study_id": 0}
    more = {"op_code": 2, "worker_id": "dashboard", "study_id": 0, "user_attr": {"mine": [1]}}
    write(run, [*records(run), {**noted, "system_attr": {"dashboard:note": "x"}}, more])
    assert len(read_records(run)) == 6


def test_a_line_that_is_being_written_is_not(run: Path) -> None:
    with (run / JOURNAL).open("a") as file:
        file.write('{"op_code":')
    assert len(read_records(run)) == 6


def test_without_its_beginning(run: Path) -> None:
    write(run, records(run)[1:])
    refused(run, 1, "the study's beginning is missing")


def test_emptied_or_gone_though_trials_were_trained(run: Path) -> None:
    (run / JOURNAL).write_text("")
    with pytest.raises(RunError, match=r"study\.journal: missing or empty, but 6 trials"):
        resume(run)
    (run / JOURNAL).unlink()
    with pytest.raises(RunError, match=r"study\.journal: missing or empty, but 6 trials"):
        resume(run)


def first(found: Records, kind: int, key: str = "") -> int:
    """Index of the first record of a kind, about something that begins with a key."""
    return next(
        i
        for i, record in enumerate(found)
        if record["op_code"] == kind
        and next(iter(record.get("user_attr", {"": 0}))).startswith(key)
    )


ENSEMBLE = {"weights": {}, "validation": {}, "single": {}, "test": {}, "wins": True}
CHANGES: list[tuple[int, str, dict[str, Any], str]] = [
    (0, "", {"study_name": "another"}, "begins another study"),
    (0, "", {"directions": []}, "other objectives"),
    (4, "", {"op_code": 99}, "no sweep does operation 99"),
    (4, "", {"op_code": 1}, "no sweep does operation 1"),
    (4, "", {"op_code": None}, "no sweep does operation None"),
    (4, "", {"study_id": 1}, "of another study"),
    (4, "", {"state": 1}, "ends as it begins"),
    (4, "", {"state": 17}, "incomplete or of another kind"),
    (4, "", {"datetime_start": "yesterday"}, "incomplete or of another kind"),
    (5, "", {"trial_id": 99}, "trial 99, whose beginning is missing"),
    (5, "", {"trial_id": -1}, "trial -1, whose beginning is missing"),
    (5, "", {"trial_id": "0"}, "number of its trial"),
    (5, "", {"trial_id": True}, "number of its trial"),
    (5, "", {"distribution": "{}"}, "incomplete or of another kind"),
    (5, "", {"param_value_internal": "x"}, "isn't a number|of another kind"),
    (5, "", {"param_name": 3}, "has no name"),
    (6, "", {"state": 3, "datetime_complete": "2026-01-01T00:00:00"}, "ends without a start"),
    (6, "", {"datetime_start": None}, "incomplete or of another kind"),
    (8, "metrics", {"user_attr": {"metrics": [1]}}, "'metrics' of trial . is no such thing"),
    (8, "metrics", {"user_attr": {"metrics": {"accuracy": "x"}}}, "no such thing"),
    (8, "epoch", {"user_attr": {"epoch": "x"}}, "no such thing"),
    (8, "reason", {"user_attr": {"reason": 3}}, "no such thing"),
    (8, "started", {"user_attr": {"started": None}}, "no such thing"),
    (8, "rung", {"user_attr": {"rung:x": {}}}, "no such thing"),
    (8, "rung", {"user_attr": {}}, "more or less than one thing"),
    (8, "rung", {"user_attr": {"a": 1, "b": 2}}, "more or less than one thing"),
    (8, "rung", {"user_attr": {"retried": "x"}}, "no such thing"),
    (2, "sampler", {"user_attr": {"sampler": {}}}, "incomplete or of another kind"),
    (2, "sampler", {"user_attr": {"pack": 0}}, "no such thing"),
    (2, "sampler", {"user_attr": {"generation:x": {}}}, "no such thing"),
    (2, "confirm", {"user_attr": {"confirm:x:1": {}}}, "no such thing"),
    (2, "confirm", {"user_attr": {"confirm:0:1000": {"test": {}}}}, "incomplete or of another"),
    (2, "solo", {"user_attr": {"solo:0": 3}}, "no such thing"),
    (2, "solo", {"user_attr": {"final:0:1000": {}}}, "no such thing"),
    (2, "solo", {"user_attr": {"ensemble": 3}}, "incomplete or of another kind"),
    (2, "solo", {"user_attr": {"ensemble": {**ENSEMBLE, "weights": 3}}}, "no such thing"),
    (
        2,
        "solo",
        {"user_attr": {"ensemble": {**ENSEMBLE, "weights": {"x": [[1]]}}}},
        "no such thing",
    ),
    (2, "solo", {"user_attr": {"ensemble": {**ENSEMBLE, "weights": {"0:0:0": [1]}}}}, "no such"),
    (2, "solo", {"user_attr": {"ensemble": {**ENSEMBLE, "test": "x"}}}, "no such thing"),
    (2, "solo", {"user_attr": {"generation:3": 3}}, "no such thing"),
]


@pytest.mark.parametrize(("kind", "key", "change", "why"), CHANGES)
def test_a_record_that_no_sweep_writes(
    run: Path, kind: int, key: str, change: dict[str, Any], why: str
) -> None:
    found = records(run)
    at = first(found, kind, key)
    found[at].update(change)
    write(run, found)
    refused(run, at + 1, why)


@pytest.mark.parametrize("text", ["[1]", "3", "nonsense", "[" * 100_000, '{"op_code": 4'])
def test_a_line_that_is_no_record(run: Path, text: str) -> None:
    lines = (run / JOURNAL).read_text().splitlines()
    lines[4] = text
    (run / JOURNAL).write_text("\n".join(lines) + "\n")
    refused(run, 5, "")


@pytest.mark.parametrize("missing", ["metrics", "epoch"])
def test_a_trial_that_ends_without_what_it_measured(run: Path, missing: str) -> None:
    found = records(run)
    kept = [r for r in found if not (r["op_code"] == 8 and missing in r["user_attr"])]
    write(run, kept)
    refused(run, next(i for i, r in enumerate(kept) if r.get("state") == 1) + 1, "measured")


def test_a_trial_that_ends_twice(run: Path) -> None:
    found = records(run)
    at = next(i for i, record in enumerate(found) if record.get("state") == 1)
    write(run, [*found, found[at]])
    refused(run, len(found) + 1, "has ended before")


CHANCE = random.Random(0)
ODD = [None, True, -1, 10**30, 1e999, "", "x", [], {}, [[]], {"a": {}}]


def spoilt(value: Any) -> Any:
    if isinstance(value, dict) and value and CHANCE.random() < 0.8:
        key = CHANCE.choice(list(value))
        if CHANCE.random() < 0.2:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: spoilt(value[key])}
    return CHANCE.choice(ODD)


def dropped(changed: list[Any], at: int) -> None:
    del changed[at]


def doubled(changed: list[Any], at: int) -> None:
    changed.insert(at, changed[at])


def swapped(changed: list[Any], at: int) -> None:
    changed[at - 1], changed[at] = changed[at], changed[at - 1]


def spoilt_at(changed: list[Any], at: int) -> None:
    changed[at] = spoilt(changed[at])


KINDS: list[Callable[[list[Any], int], None]] = [dropped, doubled, swapped, *[spoilt_at] * 5]


def mutants(found: Records, count: int) -> Iterator[list[Any]]:
    for _ in range(count):
        changed: list[Any] = copy.deepcopy(found)
        CHANCE.choice(KINDS)(changed, CHANCE.randrange(len(changed)))
        yield changed


def test_whatever_is_changed_is_refused_in_words_or_read(run: Path) -> None:
    refusals = 0
    for changed in mutants(records(run), 300):
        write(run, changed)
        try:
            read_status(run)
            read_result(run)
        except RunError as error:
            refusals += JOURNAL in str(error)
    assert refusals > 100
