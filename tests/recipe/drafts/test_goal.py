"""What labels are taken for, and the metric that suits them."""

from __future__ import annotations

import numpy as np
import pytest

from armtune.errors import DataError
from armtune.recipe.drafts.goal import goal_of

RNG = np.random.default_rng(0)
KINDS = {
    "names": (np.array(["a", "b"] * 20), "classes"),
    "few whole numbers": (np.arange(60) % 6, "classes"),
    "truth values": (np.arange(60) % 2 == 0, "classes"),
    "many classes, counted": (np.arange(1000) % 100, "classes"),
    "ages": (RNG.integers(18, 90, 500), "values"),
    "whole numbers, hardly any twice": (np.arange(12), "values"),
    "fractions": (RNG.normal(size=50), "values"),
    "whole numbers as floats": (np.arange(60) % 6 * 1.0, "classes"),
    "0 and 1 a label": (RNG.integers(0, 2, (50, 3)), "labels"),
    "several numbers": (RNG.normal(size=(50, 3)), "values"),
    "names with semicolons": (np.array(["a;b", "a", "b", "b;c", "c;a", "c"] * 9), "labels"),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_labels_are(name: str) -> None:
    raw, kind = KINDS[name]
    assert goal_of(raw, "y", None).kind == kind
    if raw.ndim == 1 and kind != "labels":
        assert goal_of(raw, "y", "values").kind == "values"


@pytest.mark.parametrize(
    ("sizes", "score"), [((30, 30), "accuracy"), ((40, 9), "accuracy"), ((40, 8), "macro_f1")]
)
def test_skewed_classes_count_alike(sizes: tuple[int, int], score: str) -> None:
    goal = goal_of(np.repeat(["a", "b"], sizes), "y", None)
    assert goal.score == score
    assert bool(goal.balance) == (score == "macro_f1")


@pytest.mark.parametrize(("kind", "score"), [("labels", "micro_f1"), ("values", "r2")])
def test_other_targets_have_their_own_score(kind: str, score: str) -> None:
    raw = RNG.integers(0, 2, (50, 3))
    assert goal_of(raw, "y", kind).score == score


def test_what_can_be_no_classes_is_refused() -> None:
    with pytest.raises(DataError, match=r"^y: 40 different names in 40 samples are no classes"):
        goal_of(np.array([f"n{k}" for k in range(40)]), "y", None)
    with pytest.raises(DataError, match=r"^y: all 9 labels are the same, 'a'"):
        goal_of(np.array(["a"] * 9), "y", None)
    with pytest.raises(DataError, match=r"^y: 9 different names in 9 samples are no classes"):
        goal_of(RNG.normal(size=9), "y", "classes")


@pytest.mark.parametrize("kind", ["datetime64[D]", "timedelta64[s]", "complex128", "V8", "i4,i4"])
def test_labels_of_odd_types_are_refused(kind: str) -> None:
    with pytest.raises(DataError, match="y: labels must be numbers or text, not "):
        goal_of(np.zeros(40, kind), "y", None)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_labels_that_are_no_numbers_are_refused(value: float) -> None:
    with pytest.raises(DataError, match="y: no label is a finite number"):
        goal_of(np.full(40, value), "y", None)
