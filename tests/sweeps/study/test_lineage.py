"""Lineages, worked by hand."""

from __future__ import annotations

from pathlib import Path

from armtune.sweeps.study.lineage import Descent, Segment, lineage, replayed, write_lineage

FIRST = {0: {"a": 0.0}, 1: {"a": 1.0}, 2: {"a": 2.0}}
GENERATIONS = {
    2: {2: Descent(1, {"a": 1.2})},
    4: {0: Descent(2, {"a": 1.4})},
    6: {1: Descent(0, {"a": 1.6}), 2: Descent(0, {"a": 1.7})},
}


def test_a_trial_that_never_changed_has_only_itself_behind_it() -> None:
    assert lineage(1, FIRST, {2: GENERATIONS[2]}) == [Segment(0, 1, {"a": 1.0})]


def test_a_lineage_goes_back_through_parents_of_parents() -> None:
    assert lineage(2, FIRST, GENERATIONS) == [
        Segment(0, 1, {"a": 1.0}),
        Segment(2, 2, {"a": 1.2}),
        Segment(4, 0, {"a": 1.4}),
        Segment(6, 2, {"a": 1.7}),
    ]


def test_what_a_parent_did_later_is_not_inherited() -> None:
    generations = {2: {2: Descent(1, {"a": 1.2})}, 4: {1: Descent(0, {"a": 0.5})}}
    assert [s.trial for s in lineage(2, FIRST, generations)] == [1, 2]


def test_a_lineage_is_replayed_by_first_values_and_a_schedule() -> None:
    assert replayed(lineage(0, FIRST, GENERATIONS)) == {
        "a": 1.0,
        "training.schedule": [
            {"epoch": 2, "values": {"a": 1.2}},
            {"epoch": 4, "values": {"a": 1.4}},
        ],
    }
    assert replayed(lineage(1, FIRST, {})) == {"a": 1.0}


def test_the_table_has_a_row_for_each_stretch(tmp_path: Path) -> None:
    write_lineage(tmp_path / "lineage.csv", {0: lineage(0, FIRST, GENERATIONS)})
    assert (tmp_path / "lineage.csv").read_text().splitlines() == [
        "trial,from_epoch,trained_by,a",
        "0,0,1,1.0",
        "0,2,2,1.2",
        "0,4,0,1.4",
    ]
