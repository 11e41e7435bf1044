"""A sweep's progress in Jupyter, of which rich needs IPython and ipywidgets: both are played."""

from __future__ import annotations

import builtins
import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from armtune.recipe.schema import Recipe
from armtune.report.notebook import shown_in_notebook
from armtune.sweeps.study.records import Listener


class ZMQInteractiveShell:
    """What rich knows Jupyter by."""


class Output:
    """A widget that holds what is printed in it; a redrawing clears it first."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def clear_output(self, wait: bool) -> None:
        assert wait, "or it flickers"


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Jupyter shows below a cell, as text."""
    found: list[str] = []

    def display(what: Any) -> None:
        if not isinstance(what, Output):
            found.append(what._repr_mimebundle_(include=[], exclude=[])["text/plain"])

    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    for name, content in {
        "IPython": {},
        "IPython.display": {"display": display},
        "ipywidgets": {"Output": Output},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return found


@pytest.fixture
def widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.util.find_spec
    there = {"ipywidgets": SimpleNamespace()}
    monkeypatch.setattr(
        "armtune.report.notebook.find_spec", lambda name: there.get(name) or known(name)
    )


def play(script: Any, told: list[Listener], tmp_path: Any) -> None:
    for listener in told:
        script.start(listener, tmp_path)
        record = script.play(listener, 0, "COMPLETE")
        listener.sweep_ended([record], [0])


@pytest.mark.usefixtures("widgets")
def test_it_is_the_terminals_picture_redrawn(script: Any, cell: list[str], tmp_path: Any) -> None:
    with shown_in_notebook(script.recipe(), []) as told:
        play(script, told, tmp_path)
    pictures = [shown for shown in cell if "elapsed:" in shown]
    assert "1 complete" in pictures[-1]


def test_without_widgets_each_trial_that_ends_is_a_line(
    script: Any, cell: list[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("armtune.report.notebook.find_spec", lambda _: None)
    with shown_in_notebook(script.recipe(), []) as told:
        play(script, told, tmp_path)
    assert [line for line in cell if line.startswith("trial 0 complete")]


def test_a_script_is_told_nothing(
    script: Any, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Listener()
    recipe: Recipe = script.recipe()
    with shown_in_notebook(recipe, [own]) as told:
        assert told == [own]
        play(script, told, tmp_path)
    assert capsys.readouterr() == ("", "")
