"""Holds the plug-ins to armtune's contracts, and sweeps with them. Run it with pytest."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import armtune
from armtune.testing import Check, checks, plugins_of

HERE = Path(__file__).parent
KINDS = {"encoders": "gated_linear", "metrics": "distance", "datasets": "clouds"}
CASES = [(kind, name, check) for kind, name in KINDS.items() for check in checks(kind)]


@pytest.mark.parametrize(("kind", "name", "check"), CASES)
def test_contract(kind: str, name: str, check: Check) -> None:
    check(plugins_of(HERE / "my_plugins.py", kind)[name]())


def test_distance_by_hand() -> None:
    distance = plugins_of(HERE / "my_plugins.py", "metrics")["distance"]()
    logits, labels = torch.log(torch.tensor([[0.75, 0.25], [0.5, 0.5]])), torch.tensor([0, 1])
    assert math.isclose(distance.value(logits, labels), (0.125 + 0.5) / 2, rel_tol=1e-6)  # type: ignore[attr-defined]


def test_a_sweep_with_them(tmp_path: Path) -> None:
    small = {"sweep.trials": 2, "sweep.confirm": None, "training.epochs": 2}
    result = armtune.sweep(HERE / "recipe.yaml", small, to=tmp_path / "run", inline=True)
    assert {"distance", "accuracy"} <= set(result.trials.columns)
    assert result.front["distance"].between(0, 2).all()
