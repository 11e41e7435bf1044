"""Ranks over settings: Friedman and Nemenyi against published values, and a current page."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs/ranks.py"))


@pytest.mark.parametrize(
    ("methods", "quantile"),
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)],
)
def test_critical_values_are_those_of_demsars_table(
    script: dict[str, Any], methods: int, quantile: float
) -> None:
    factor = (methods * (methods + 1) / (6 * 14)) ** 0.5
    assert script["critical_difference"](methods, 14) == pytest.approx(
        quantile * factor, abs=1e-3 * factor
    )


VALUES = [
    {"a": 0.9, "b": 0.8, "c": 0.1, "lacking": 1.0},
    {"a": 0.9, "b": 0.9, "c": 0.1},
    {"a": 0.7, "b": 0.8, "c": 0.1},
    {"a": 0.9, "b": 0.8, "c": 0.2},
]


def test_ranks_by_hand(script: dict[str, Any]) -> None:
    found = script["ranked"](VALUES, 1)
    assert found.ranks == {"a": (1 + 1.5 + 2 + 1) / 4, "b": (2 + 1.5 + 1 + 2) / 4, "c": 3.0}
    assert list(script["ranked"](VALUES, -1).ranks) == ["c", "b", "a"]
    # Friedman's χ² with its correction for the one tie: rank sums 5.5, 6.5 and 12.
    raw = 12 / (4 * 3 * 4) * (5.5**2 + 6.5**2 + 12**2) - 3 * 4 * 4
    corrected = raw / (1 - (2**3 - 2) / (4 * 3 * (3**2 - 1)))
    from scipy.stats import chi2

    assert found.p == pytest.approx(chi2.sf(corrected, 2), abs=1e-12)


def test_groups_are_as_large_as_can_be(script: dict[str, Any]) -> None:
    ranks = {"a": 1.0, "b": 2.0, "c": 2.5, "d": 3.4, "e": 9.0}
    assert script["Ranking"](ranks, 5, 0.5, 1.5).groups == [["a", "b", "c"], ["b", "c", "d"]]
    assert script["Ranking"](ranks, 5, 0.5, 9).groups == [list("abcde")]
    assert script["Ranking"](ranks, 5, 0.5, 0.1).groups == []


def test_the_page_and_its_pictures_are_current(script: dict[str, Any]) -> None:
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert script["page"](text) == text, "run: just generate"
    for metric, found in script["rankings"]().items():
        picture = ROOT / f"docs/results/ranks_{metric}.svg"
        assert script["drawing"](found) == picture.read_text(encoding="utf-8"), "run: just generate"
