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


def summary(path: Path, points: dict[str, tuple[float, float]]) -> None:
    rows = ["method,split,metric,mean"]
    for name, values in points.items():
        rows += [
            f"{name},test,{metric},{value}"
            for metric, value in zip(("accuracy", "contribution_gap"), values, strict=True)
        ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_the_front_is_of_accuracy_and_gap_among_methods_only(
    script: dict[str, Any], tmp_path: Path
) -> None:
    points = {"none": (0.9, 0.4), "arm": (0.9, 0.2), "ogm": (0.8, 0.1), "alone-image": (0.95, 0.0)}
    summary(tmp_path / "wiki-sgd.csv", points)
    assert script["beaten"](tmp_path / "wiki-sgd.csv") == {"none": ["arm"], "arm": [], "ogm": []}


def test_the_overview_tells_what_is_missing_and_what_a_modality_has_alone(
    script: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(script["overview"].__globals__, "SUMMARIES", tmp_path)
    summary(tmp_path / "wiki-sgd.csv", {"none": (0.9, 0.4), "arm": (0.8, 0.5)})
    points = {"arm": (0.8, 0.1), "arm_agreement": (0.9, 0.2), "alone-image": (0.7, 0.0)}
    summary(tmp_path / "leaves-sgd.csv", points)
    lines = script["overview"]("sgd", ["arm", "none"]).splitlines()
    assert lines[0] == "| method | leaves | wiki |"
    assert lines[2] == "| arm | **80.0 / 10.0** | 80.0 / 50.0 |"
    assert lines[3] == "| none | – | **90.0 / 40.0** |"
    assert lines[4] == "| best modality alone | 70.0 (image) | – |"
    front = "is on the [front](concepts.md#front) of all methods in"
    assert script["fronts"]().splitlines() == [
        f"`arm` {front} 1 of 2 settings (leaves-sgd).",
        "",
        "- wiki-sgd: beaten in both by none",
        "",
        f"`arm_agreement` {front} 1 of 1 settings (leaves-sgd).",
        "",
        "One of the two is in 1 of 2.",
    ]


def test_the_page_and_its_pictures_are_current(script: dict[str, Any]) -> None:
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert script["page"](text) == text, "run: just generate"
    for metric, found in script["rankings"]().items():
        picture = ROOT / f"docs/results/ranks_{metric}.svg"
        assert script["drawing"](found) == picture.read_text(encoding="utf-8"), "run: just generate"
