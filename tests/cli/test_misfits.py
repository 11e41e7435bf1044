"""Recipes that don't fit their data are refused before a trial, with the line that is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from armtune.cli import main

SPACE = "modalities.sound.encoder.name: {choice: [lenet, resnet18]}"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe whose fifth line reads a vector as an image."""
    rng = np.random.default_rng(0)
    views = {"sound": rng.normal(size=(40, 7)), "image": rng.normal(size=(40, 8, 8))}
    np.savez(tmp_path / "own.npz", label=np.arange(40) % 2, **views)
    (tmp_path / "space.yaml").write_text(f"# ranges\n{SPACE}\n", encoding="utf-8")
    path = tmp_path / "r.yaml"
    path.write_text(
        "name: r\ndata: {name: arrays, path: own.npz}\nmodalities:\n"
        "  image: {encoder: {name: lenet}}\n  sound: {encoder: {name: lenet}}\n"
        "training: {epochs: 1}\n"
        "sweep: {trials: 2, space: [{fusion.dim: {int: [4, 8]}}], confirm: null}\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    return path


def said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[object, str]:
    """The exit code of a command line, and all that it printed, line breaks taken out."""
    monkeypatch.setattr(sys, "argv", ["armtune", *words])
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    return code, " ".join((printed.out + printed.err).split())


VERBS = [
    ["sweep", "--inline", "--quiet"],
    ["compare", "--methods", "none,auxiliary", "--inline"],
    ["plan"],
    ["train"],
]


@pytest.mark.parametrize("verb", VERBS, ids=lambda words: words[0])
def test_an_encoder_that_cannot_read_its_modality_is_refused_in_its_line(
    verb: list[str],
    recipe: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, text = said(capsys, monkeypatch, *verb, recipe.name)
    assert code == 2
    assert "r.yaml:5:27 modalities.sound.encoder.name: lenet reads images" in text
    assert "not (7,); these read it: " in text
    assert not (recipe.parent / "runs").exists()


def test_choices_of_which_none_fits_are_refused_where_they_are_searched(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = "sweep.space=[space.yaml]"
    code, text = said(capsys, monkeypatch, "sweep", "--inline", recipe.name, change)
    assert code == 2
    assert "space.yaml:2:32 modalities.sound.encoder.name: lenet reads images" in text
    assert "resnet18 reads images" in text


def test_a_choice_that_does_not_fit_is_named_before_the_trials(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = f"sweep.space=[{{{SPACE.replace('resnet18', 'mlp')}}}]"
    changes = [choices, "modalities.sound.encoder.name=mlp", "sweep.trials=1"]
    code, text = said(capsys, monkeypatch, "sweep", "--inline", "--quiet", recipe.name, *changes)
    assert code == 0
    note, _, after = text.partition("; trials that draw it will fail")
    assert "modalities.sound.encoder.name: lenet reads images" in note
    assert "winner: trial 0" in after


def test_what_the_command_line_set_is_said_to_stand_there(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = "modalities.sound.encoder.name=gru"
    code, text = said(capsys, monkeypatch, "train", recipe.name, change)
    assert code == 2
    assert "command line modalities.sound.encoder.name: gru reads sequences" in text
