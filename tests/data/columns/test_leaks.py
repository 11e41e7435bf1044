from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from armtune.data.columns.leaks import leak

LABELS = np.array(list("abc"))[np.random.default_rng(0).integers(0, 3, 300)]


def told(cells: np.ndarray, labels: np.ndarray = LABELS) -> str:
    return leak(pa.array(cells.astype(str)), pa.array(labels.astype(str)))


def test_a_copy_of_the_label_is_told() -> None:
    assert told(LABELS) == "equals the label"
    assert told(np.char.upper(LABELS)) == "is the label under other names (3 of them)"


def test_a_finer_label_is_told() -> None:
    finer = np.char.add(LABELS, np.random.default_rng(1).integers(0, 4, 300).astype(str))
    assert "determines the label: rows with one of its 12 values" in told(finer)


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: np.arange(300),  # tells rows apart, not labels
        lambda rng: np.where(rng.random(300) < 0.9, LABELS, "x"),
        lambda rng: rng.integers(0, 290, 300),
    ],
)
def test_a_column_that_says_less_is_none(make: Callable[[np.random.Generator], np.ndarray]) -> None:
    assert told(make(np.random.default_rng(2))) == ""


def test_a_few_agreeing_rows_are_chance() -> None:
    assert told(np.array(list("xxyyz")), np.array(list("aabbc"))) == ""


def test_a_value_in_other_units_is_told() -> None:
    celsius = np.random.default_rng(3).normal(size=100)
    assert told(celsius * 1.8 + 32, celsius) == "is the label in other units"
    noisy = celsius + np.random.default_rng(4).normal(size=100) / 100
    assert told(noisy, celsius) == ""


def test_the_first_rows_only_rule_a_leak_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("armtune.data.columns.leaks.FIRST", 50)
    late = np.char.upper(LABELS)
    late[200] = "B" if LABELS[200] != "b" else "A"
    assert told(late) == ""
    early = np.char.upper(LABELS)
    early[20] = "B" if LABELS[20] != "b" else "A"
    assert told(early) == ""
    assert told(np.char.upper(LABELS)) == "is the label under other names (3 of them)"


def test_a_line_is_told_however_few_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("armtune.data.columns.leaks.FIRST", 50)
    weight = np.random.default_rng(2).normal(size=300)
    assert told(2 * weight + 1, weight) == "is the label in other units"
