"""``armtune check``, and what all verbs share: exit codes, plain errors, light imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

import armtune.cli
from armtune.cli import main
from armtune.errors import DataError

RECIPE = """\
name: small
data: {name: avmnist}
modalities:
  image: {encoder: {name: lenet, width: 4}}
  audio: {encoder: {name: mlp, width: 16}}
sweep:
  space: [{training.seed: {int: [0, 9]}}]
  constraints: [accuracy >= 0.5]
  trials: 1
"""
HEAVY = ["torch", "ray", "optuna", "scipy", "sklearn", "matplotlib", "tensorboard", "pandas"]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["armtune", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def test_a_fine_recipe(monkeypatch: Patch, capsys: Capture, recipe: Path) -> None:
    assert run(monkeypatch, "check", str(recipe), "balancing.name=arm") == 0
    assert capsys.readouterr() == (
        f"{recipe} is fine: avmnist (image, audio), balancing arm; "
        "1 trial over 1 dimension; maximize accuracy; accuracy >= 0.5\n",
        "",
    )


def test_a_recipe_that_only_trains_is_fine(
    monkeypatch: Patch, capsys: Capture, recipe: Path
) -> None:
    assert run(monkeypatch, "check", str(recipe), "sweep.space=[]", "sweep.trials=2") == 0
    told = capsys.readouterr().out
    assert "2 trials over 0 dimensions; nothing to search: train it, or give sweep.space" in told


def test_faults_go_to_stderr_one_a_line(monkeypatch: Patch, capsys: Capture, recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("trials: 1", "trials: 0\n  trails: 1"), encoding="utf-8")
    assert run(monkeypatch, "check", str(recipe), "epochs=3") == 2
    assert capsys.readouterr() == (
        "",
        f"{recipe}:9:11 sweep.trials: needs a whole number of at least 1, not 0\n"
        f"{recipe}:10:3 sweep.trails: unknown key; did you mean 'trials'?\n"
        "command line epochs: unknown path; did you mean 'training.epochs'?\n",
    )


def test_a_missing_recipe(monkeypatch: Patch, capsys: Capture, tmp_path: Path) -> None:
    assert run(monkeypatch, "check", str(tmp_path / "gone.yaml")) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'gone.yaml'}: there is no such file\n"


@pytest.mark.parametrize("arguments", [["check"], ["chek", "r.yaml"], ["list", "encoder"]])
def test_wrong_arguments(monkeypatch: Patch, capsys: Capture, arguments: list[str]) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_version(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"armtune {armtune.__version__}\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataError("x.gz: is damaged"), 1, "error: x.gz: is damaged\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_end_without_a_traceback(
    monkeypatch: Patch, capsys: Capture, error: BaseException, code: int, said: str
) -> None:
    def fail() -> None:
        raise error

    broken = typer.Typer(pretty_exceptions_enable=False)
    broken.command()(fail)
    monkeypatch.setattr(armtune.cli, "app", lambda: broken)
    assert run(monkeypatch) == code
    err = capsys.readouterr().err
    assert err == said or (code == 130 and "Traceback" not in err)


def test_faults_of_the_program_itself_are_not_hidden(monkeypatch: Patch) -> None:
    def fail() -> None:
        raise KeyError("a bug")

    broken = typer.Typer(pretty_exceptions_enable=False)
    broken.command()(fail)
    monkeypatch.setattr(armtune.cli, "app", lambda: broken)
    monkeypatch.setattr(sys, "argv", ["armtune"])
    with pytest.raises(KeyError, match="a bug"):
        main()


def test_every_verb_is_found_and_has_a_help_text(monkeypatch: Patch, capsys: Capture) -> None:
    folder = Path(armtune.cli.__file__).parent
    verbs = [path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")]
    assert {"check", "list", "schema"} <= set(verbs)
    for verb in verbs:
        assert run(monkeypatch, verb, "--help") == 0
        assert len(capsys.readouterr().out.split()) > 10


def test_checking_imports_nothing_heavy(recipe: Path) -> None:
    program = (
        "import sys; from armtune.cli import main\n"
        "try: main()\n"
        f"finally: print(sorted(set({HEAVY}) & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program, "check", str(recipe), "balancing.name=arm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_json_has_the_recipe_or_its_faults(
    monkeypatch: Patch, capsys: Capture, recipe: Path
) -> None:
    assert run(monkeypatch, "check", str(recipe), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["fine"]
    assert told["recipe"]["data"]["name"] == "avmnist"
    assert told["dimensions"] == {"training.seed": "0 to 9"}
    assert run(monkeypatch, "check", str(recipe), "--json", "training.epochs=0") == 2
    told = json.loads(capsys.readouterr().out)
    assert not told["fine"]
    assert [fault["path"] for fault in told["faults"]] == ["training.epochs"]


def test_it_says_which_files_it_ran(monkeypatch: Patch, capsys: Capture, recipe: Path) -> None:
    file = recipe.parent / "mine.py"
    file.write_text("raise ValueError('ran')\n")
    assert run(monkeypatch, "check", str(recipe), "plugins=[mine.py]") == 2
    assert f"plugins[0]: {file}:1 can't be run: ValueError: ran" in capsys.readouterr().err
    example = Path(__file__).parents[2] / "examples" / "own_plugins" / "my_plugins.py"
    code = "import sys; sys.argv[0] = 'armtune'; from armtune.cli import main; main()"
    command = [sys.executable, "-c", code, "check", str(recipe), f"plugins=[{example}]"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == f"ran {example}"


AUTO = """\
name: own
data: {name: arrays, path: own.npz}
modalities: {a: {}, b: {}}
"""


def test_it_says_what_the_data_make_of_what_is_left_out(
    monkeypatch: Patch, capsys: Capture, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    views = {"a": rng.normal(size=(60, 5)), "b": rng.normal(size=(60, 9, 3))}
    np.savez(tmp_path / "own.npz", **views, label=np.arange(60) % 3)
    path = tmp_path / "auto.yaml"
    path.write_text(AUTO, encoding="utf-8")
    assert run(monkeypatch, "check", str(path), "training.epochs=2") == 0
    told = capsys.readouterr().out
    assert "modalities.a.encoder: auto became mlp" in told
    assert "modalities.b.encoder: auto became temporal_cnn" in told
    assert "fewer than some 500" in told
    assert (
        run(monkeypatch, "check", str(path), "sweep.space=[{training.optimiser.lr: {fixed: 1}}]")
        == 2
    )
    assert "training.optimiser.lr: no recipe has this path" in capsys.readouterr().err


def test_without_the_data_the_rest_is_checked(
    monkeypatch: Patch, capsys: Capture, tmp_path: Path
) -> None:
    path = tmp_path / "auto.yaml"
    path.write_text(AUTO, encoding="utf-8")
    assert run(monkeypatch, "check", str(path)) == 0
    assert "what the recipe leaves to its data (auto) is not known yet: " in capsys.readouterr().out
    assert run(monkeypatch, "check", str(path), "training.epochs=0") == 2
