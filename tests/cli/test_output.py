"""What verbs print and write is text, on any terminal."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from armtune.bundle.manifest import MANIFEST, checksum
from armtune.cli import main
from armtune.cli._progress import progress_bars
from armtune.cli._terminal import WIDTH, Terminal
from armtune.report.tables import Grid

MEAN = ["[/rare]", "[red]a[/red]", "\x1b[31mred", ":smile:", "[key]"]


def printed(*objects: object, terminal: bool = True) -> str:
    file = io.StringIO()
    Terminal(file=file, width=200, force_terminal=terminal, color_system=None).print(*objects)
    return file.getvalue()


@pytest.mark.parametrize("text", MEAN)
def test_text_is_no_markup_and_moves_no_cursor(text: str) -> None:
    shown = text.replace("\x1b", r"\x1b")
    assert printed(f"runs/{text}").strip() == f"runs/{shown}"
    grid = Grid(f"Trials of {text}", ("trial", text, "values"), (("1", text, f"name={text}"),))
    told = printed(grid.rich(), terminal=False)
    assert told.count(shown) >= 3
    assert "\x1b" not in told


@pytest.mark.parametrize("without", ["", "1"])
def test_no_color_is_heard(monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", without)
    monkeypatch.delenv("COLORTERM", raising=False)
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=True)
    console.print("a warning", style="yellow")
    console.show([Grid("Trials", ("trial", "state"), (("0", "failed"),), ("red",))])
    coloured = re.findall(r"\x1b\[[0-9;]*3[0-9]", file.getvalue())
    assert bool(coloured) == (not without)


def test_progress_bars_take_any_description() -> None:
    file = io.StringIO()
    with progress_bars(Terminal(file=file, width=100, force_terminal=True)) as told:
        told("[/rare]\x1b[31m", 1, 2)
    assert r"[/rare]\x1b[31m" in file.getvalue()


def test_an_error_shows_no_escape_sequence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.yaml").write_text('name: "\\e]0;mine\\a[/x]"\n')
    monkeypatch.setattr(sys, "argv", ["armtune", "check", str(tmp_path / "r.yaml")])
    with pytest.raises(SystemExit):
        main()
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["status", "check", "predict", "report", "export", "train"])
def test_a_path_that_no_system_has_ends_in_one_line(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"predict": ["--input", "y" * 300], "export": ["--to", "y" * 300]}.get(verb, [])
    monkeypatch.setattr(sys, "argv", ["armtune", verb, "x" * 300, *more])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (1, 2)
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_terminal_without_stars_shows_their_numbers(tmp_path: Path) -> None:
    code = "from armtune.cli._output import allow_any_text, say; allow_any_text(); "
    code += "from armtune.cli._terminal import Terminal; say('★ ü'); Terminal().print('★')"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
    )
    # What click prints it makes UTF-8 by itself, where a terminal claims to know ASCII only.
    assert ended.stdout.splitlines()[1] == rb"\u2605"


def test_next_commands_can_be_typed(tmp_path: Path) -> None:
    import shlex
    from types import SimpleNamespace

    from armtune.cli.sweep import _next
    from tests.conftest import toy_recipe

    folder = tmp_path / "my runs; rm -rf" / "exp[lr]"
    report = SimpleNamespace(recipe=toy_recipe(), front=[3])
    for best in (folder / "best", None):
        said = _next(SimpleNamespace(folder=folder, report=report, best=best))  # type: ignore[arg-type]
        words = [shlex.split(line) for line in said.splitlines()[1:]]
        assert words[0] == ["open", str(folder / "report.html")]
        assert words[1] == ["armtune", "board", str(folder)]
        assert words[2][2] == str(folder / "best" if best else folder)


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A bundle whose classes have names of every kind."""
    import json

    from armtune.export.write import write_bundle
    from armtune.training.loop import Run, train
    from tests.conftest import toy_dataset, toy_recipe

    run = Run([toy_recipe()], toy_dataset())
    train(run, lambda *_: None)
    run.save_model(tmp_path / "model")
    folder = tmp_path / "a model"
    metrics = {"validation": run.best[0]}
    write_bundle(folder, run.recipes[0], tmp_path / "model", run.dataset, run.scales, metrics)
    about = json.loads((folder / MANIFEST).read_text())
    about["target"]["names"] = ['a,"b"\nc', "=1+1", "[/rare]"]
    (folder / MANIFEST).write_text(json.dumps({**about, "checksum": checksum(about)}))
    np.savez(tmp_path / "x.npz", **{m: v[:] for m, v in run.dataset.test.views.items()})
    return folder


def test_both_programs_write_tables_that_read_back(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = str(tmp_path / "x.npz")
    words = ["armtune", "predict", str(named), "--input", samples, "--output"]
    monkeypatch.setattr(sys, "argv", [*words, str(tmp_path / "one.csv")])
    with pytest.raises(SystemExit):
        main()
    command = [sys.executable, str(named / "predict.py"), samples, str(tmp_path / "other.csv")]
    subprocess.run(command, check=True)
    tables = [_rows(tmp_path / name) for name in ("one.csv", "other.csv")]
    for rows in tables:
        assert rows[0] == ["sample", "class", 'p(a,"b"\nc)', "p(=1+1)", "p([/rare])"]
        assert {len(row) for row in rows} == {5}
        assert {row[1] for row in rows[1:]} <= {'a,"b"\nc', "'=1+1", "[/rare]"}
    assert [row[:2] for row in tables[0]] == [row[:2] for row in tables[1]]


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_bundles_own_program_refuses_a_changed_manifest(named: Path, tmp_path: Path) -> None:
    text = (named / MANIFEST).read_text()
    (named / MANIFEST).write_text(text.replace("=1+1", "other"))
    command = [sys.executable, str(named / "predict.py"), str(tmp_path / "x.npz")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "bundle.json: differs from its checksum" in ended.stderr


def test_columns_are_heard_where_no_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert Terminal.wide(file=io.StringIO()).width == WIDTH
    monkeypatch.setenv("COLUMNS", "40")
    assert Terminal.wide(file=io.StringIO()).width == 40
