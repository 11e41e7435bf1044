"""``armtune list`` and ``armtune schema``: all from the registry and the schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from armtune import targets
from armtune.cli import main
from armtune.metrics import metrics_of
from armtune.plugins.registry import KINDS, plugins
from armtune.recipe import describe

Out = Callable[..., str]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Out:
    def out(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["armtune", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code in (0, None)
        return capsys.readouterr().out

    return out


def test_everything_is_listed(out: Out) -> None:
    items = json.loads(out("list", "--json"))
    named = {(item["kind"], item["name"]) for item in items}
    expected = {(kind, name) for kind in KINDS for name in plugins(kind)}
    measured = {metric.name for target in targets.kinds().values() for metric in metrics_of(target)}
    expected |= {("metrics", name) for name in measured}
    expected |= {("recipes", path.stem) for path in (ROOT / "recipes").glob("*.yaml")}
    expected |= {("spaces", path.stem) for path in (ROOT / "search_spaces").glob("*.yaml")}
    assert named == expected
    assert all(item["summary"] for item in items)


def test_one_kind_with_its_options(out: Out) -> None:
    lines = out("list", "encoders").splitlines()
    assert lines[0] == "encoders"
    assert "  mlp: Multilayer perceptron on flattened samples, for any shape." in lines
    depth = "Number of rectified layers; 0 for a single linear layer, a linear encoder."
    assert f"    depth (2): {depth}" in lines
    assert not any("adamw" in line for line in lines)


def test_several_kinds_and_a_file_in_a_line(out: Out) -> None:
    lines = out("list", "spaces", "recipes").splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["recipes", "spaces"]
    assert "  arm: The parts of ARM, each from off to strong." in lines
    assert "  crema_d: CREMA-D: 91 actors say sentences in six emotions." in lines


def test_an_option_without_default_is_needed(out: Out) -> None:
    assert "\n    path (needed): " in out("list", "datasets")


def test_schema(out: Out) -> None:
    assert json.loads(out("schema")) == describe.json_schema()
    assert out("schema", "--markdown") == describe.markdown()
