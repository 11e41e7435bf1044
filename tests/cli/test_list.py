"""``armtune list`` and ``armtune schema``: all from the registry and the schema."""

from __future__ import annotations

import json
import os
import re
import subprocess
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


def test_without_a_kind_the_names_fit_a_page(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = out("list")
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) < 50
    names = re.findall(r"[\w/<>-]+", text)
    assert {item["name"] for item in json.loads(out("list", "--json"))} <= {*names}


def test_a_name_is_told_with_all_that_is_known_of_it(out: Out) -> None:
    lines = out("list", "arm").splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["balancing", "spaces"]
    assert any(line.startswith("    tau (") for line in lines)
    assert not any(line.startswith("  ogm") for line in lines)


@pytest.mark.parametrize("lines", ["10", "9999"])
def test_what_is_longer_than_the_terminal_is_paged(
    out: Out, monkeypatch: pytest.MonkeyPatch, lines: str
) -> None:
    paged: list[str] = []
    monkeypatch.setenv("LINES", lines)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("pydoc.pager", paged.append)
    plain = out("list", "encoders")
    assert paged == [], "it is no terminal"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert (out("list", "encoders"), paged) == (("", [plain]) if lines == "10" else (plain, []))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str) -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    program = [sys.executable, "-c", "import sys; sys.argv[0] = 'armtune'\n"
               "from armtune.cli import main; main()"]  # fmt: skip

    def said(*arguments: str, **more: str) -> str:
        return subprocess.run(
            [*program, *arguments],
            env=environment | more,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "_ARMTUNE_COMPLETE" in said("--show-completion", shell)
    asked = {"COMP_WORDS": "armtune sw", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "armtune sw"}
    more = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"} if shell == "fish" else {}
    assert "sweep" in said(_ARMTUNE_COMPLETE=f"complete_{shell}", **asked, **more)


def test_schema(out: Out) -> None:
    assert json.loads(out("schema")) == describe.json_schema()
    assert out("schema", "--markdown") == describe.markdown()


def test_each_kind_has_each_name_once(out: Out) -> None:
    kinds = re.split(r"\n(?=\w+: )", out("list"))
    for kind in kinds[:-1]:
        names = kind.partition(": ")[2].replace("\n", " ").split(", ")
        assert len(names) == len({name.strip() for name in names}), kind
