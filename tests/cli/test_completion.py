"""What a shell is offered after TAB."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from armtune.cli import main

Offered = Callable[[str], list[str]]


@pytest.fixture
def offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Offered:
    """What bash is told for a line that is being typed, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def offered(line: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["armtune"])
        monkeypatch.setenv("_ARMTUNE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out.split()

    return offered


def test_verbs_and_options_are_offered(offered: Offered) -> None:
    assert offered("armtune sw") == ["sweep"]
    assert offered("armtune data ") == ["check", "cache"]
    assert "--resume" in offered("armtune sweep --")


@pytest.mark.parametrize("verb", ["sweep", "check", "plan", "train", "compare", "data check"])
def test_shipped_recipes_are_offered(offered: Offered, verb: str) -> None:
    assert offered(f"armtune {verb} av") == ["ave", "avmnist"]


def test_files_come_before_shipped_recipes(offered: Offered) -> None:
    Path("avmnist_own.yaml").touch()
    assert offered("armtune sweep avm") == []
    assert offered("armtune sweep ") == []  # the shell lists the folder's files itself


def test_examples_kinds_and_names_are_offered(offered: Offered) -> None:
    assert offered("armtune init --example utd_mhad_") == ["utd_mhad_sequences"]
    assert offered("armtune list enc") == ["encoders"]
    assert offered("armtune list temporal") == ["temporal_cnn"]


def test_methods_are_offered_one_after_the_other(offered: Offered) -> None:
    assert offered("armtune compare x --methods none,arm") == ["none,arm", "none,arm_agreement"]
    assert offered("armtune plan x --methods al") == ["all"]
