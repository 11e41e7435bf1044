"""Holds the data set to armtune's contract, and trains on it. Run it with pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

import armtune
from armtune.testing import Check, checks, plugins_of

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("check", checks("datasets"))
def test_contract(check: Check) -> None:
    check(plugins_of(HERE / "my_data.py", "datasets")["spirals"](samples=60))


def test_a_sweep_with_it(tmp_path: Path) -> None:
    small = {"sweep.trials": 2, "sweep.confirm": None, "training.epochs": 2}
    result = armtune.sweep(HERE / "recipe.yaml", small, to=tmp_path / "run", inline=True)
    assert len(result.trials) == 2
