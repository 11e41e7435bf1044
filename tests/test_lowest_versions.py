"""The list of lowest versions that .ci/lowest installs."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def lowest() -> dict[str, object]:
    pytest.importorskip("tomllib", reason="Python 3.11's")
    return runpy.run_path(str(ROOT / ".ci" / "lowest_versions.py"))


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("numpy>=1.26", "numpy==1.26"),
        ("optuna>=5,<6", "optuna==5"),
        ("ray[tune] >= 2.40", "ray[tune]==2.40"),
        ("torch>=2.6", "torch==2.13.0"),
    ],
)
def test_a_requirement_at_its_lowest(
    lowest: dict[str, object], requirement: str, expected: str
) -> None:
    at = lowest["lowest"]
    assert callable(at)
    assert at(requirement, {"torch": "2.13.0"}) == expected


def test_a_requirement_without_a_lowest_version_is_refused(lowest: dict[str, object]) -> None:
    at = lowest["lowest"]
    assert callable(at)
    with pytest.raises(ValueError, match="'numpy<3' names no lowest version"):
        at("numpy<3", {})


def test_every_dependency_has_a_line(
    lowest: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    main = lowest["main"]
    assert callable(main)
    main(["media"])
    lines = capsys.readouterr().out.splitlines()
    assert all(line.count("==") == 1 for line in lines)
    assert {"numpy==1.26", "torch==2.13.0"} <= set(lines)
    assert any(line.startswith("av==") for line in lines)
