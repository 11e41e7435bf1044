"""Looking at a run that somebody else made runs none of the code that its recipe names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import armtune
from armtune.cli import main
from armtune.errors import RecipeError, RunError
from armtune.recipe.load import load_recipe
from armtune.recipe.looking import look
from armtune.recipe.space import load_space
from armtune.sweeps.study.first_values import start_values

CODE = """\
from typing import Literal
from pathlib import Path
Path({mark!r}).write_text("ran")
from armtune.encoders.mlp import Mlp

class Mine(Mlp):
    '''Mine.'''
    name: Literal["my_encoder"] = "my_encoder"
    size: int = 16
"""


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


@pytest.fixture
def run(toy_run: Path, tmp_path: Path, mark: Path) -> Path:
    """A finished run whose recipe names a file of code, and what that file defines."""
    import shutil

    folder = Path(shutil.copytree(toy_run, tmp_path / "run"))
    code = tmp_path / "mine.py"
    code.write_text(CODE.format(mark=str(mark)))
    content = yaml.safe_load((folder / "recipe.yaml").read_text())
    content["plugins"] = [str(code)]
    content["modalities"]["audio"]["encoder"] = {"name": "my_encoder", "size": 16}
    content["sweep"]["space"] = [{"modalities.audio.encoder.size": {"choice": [16, 32]}}]
    (folder / "recipe.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["armtune", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out = capsys.readouterr()
    assert ended.value.code in (0, None), out.err
    return " ".join((out.out + out.err).split())


def test_status_and_report_show_what_they_can_and_say_what_they_leave_out(
    run: Path,
    mark: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for verb in ("status", "report"):
        told = said(capsys, monkeypatch, verb, str(run))
        assert "shows no modalities.audio.encoder, what is searched" in told
        assert f"add --plugins {tmp_path / 'mine.py'}" in told
        assert not mark.exists()
    assert "my_encoder" in (run / "report.html").read_text()
    told = json.loads(said(capsys, monkeypatch, "status", str(run), "--json"))
    assert told["trials"]["complete"] == 3
    assert "modalities.audio.encoder" in told["left_out"]
    assert not mark.exists()


def test_load_run_says_it_in_its_notes(run: Path, mark: Path) -> None:
    result = armtune.load_run(run)
    assert len(result.trials) == 3
    assert any("isn't run unasked" in note for note in result.notes)
    assert not mark.exists()


def test_export_needs_the_code_and_does_not_run_it_unasked(
    run: Path, mark: Path, tmp_path: Path
) -> None:
    from armtune.export.from_run import chosen_trial, export_trial

    with pytest.raises(RecipeError, match="give it as --plugins"):
        export_trial(run, chosen_trial(run), tmp_path / "model")
    assert not mark.exists()


def test_an_earlier_sweep_runs_nothing_in_one_that_starts_from_it(
    toy_run: Path, run: Path, mark: Path
) -> None:
    recipe = load_recipe(toy_run / "recipe.yaml", ["sweep.start_from=[run]"])
    with pytest.raises(RunError, match="its recipe names code, which isn't run unasked"):
        start_values(recipe, load_space(recipe, run.parent), run.parent)
    assert not mark.exists()


def test_with_plugins_everything_is_shown(run: Path, mark: Path, tmp_path: Path) -> None:
    # In a process of its own: what has run once is known to all tests after it.
    words = ["status", str(run), "--plugins", str(tmp_path / "mine.py"), "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "armtune", *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["left_out"] is None
    assert mark.exists()


def test_every_kind_of_plugin_may_be_left_out(run: Path) -> None:
    path = run / "recipe.yaml"
    content = yaml.safe_load(path.read_text())
    own = {"name": "nobody_knows", "amount": 3}
    content |= {"data": own, "fusion": own, "balancing": own, "metrics": {"mine": own}}
    content["training"]["optimizer"] = content["sweep"]["sampler"] = own
    content["sweep"]["pruner"] = own
    content["modalities"]["image"]["augment"] = {"mine": own, "noise": {"scale": 0.3}}
    content["sweep"]["constraints"] = ["mine >= 0.5"]
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    seen = look(path)
    for place in (
        "data", "fusion", "balancing", "metrics.mine", "training.optimizer", "sweep.sampler",
        "sweep.pruner", "modalities.audio.encoder", "modalities.image.augment.mine",
    ):  # fmt: skip
        assert f" {place}," in seen.left_out
    assert seen.content["data"] == own
    assert seen.recipe.plugins == []


@pytest.mark.parametrize("key", ["objectives", "choose"])
def test_a_goal_that_cannot_be_read_is_told_there_too(run: Path, key: str) -> None:
    path = run / "recipe.yaml"
    content = yaml.safe_load(path.read_text())
    content["sweep"][key] = ["upwards"] if key == "objectives" else "upwards"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(RecipeError, match="not 'upwards'"):
        look(path)
