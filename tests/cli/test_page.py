"""The page of verbs: complete, and up to date in the repository."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import armtune.cli
from armtune.cli import main, verbs
from armtune.cli._page import markdown

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == markdown(), (
        "run: just generate"
    )


@pytest.mark.parametrize("verb", ["", *verbs()])
def test_help_is_whole_at_60_columns(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys, "argv", ["armtune", *verb.split(), "--help"])
    with pytest.raises(SystemExit):
        main()
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 60
    assert "…" not in shown


def test_every_verb_and_option_is_on_the_page() -> None:
    page = markdown()
    folder = Path(armtune.cli.__file__).parent
    for path in folder.glob("*.py"):
        if not path.stem.startswith("_"):
            assert re.search(rf"\n## `{path.stem}( \w+)?`\n", page), path.stem
    options = "[--output FILE] [--keep COLUMN…] [--plugins FILE…] [--json]"
    assert f"    armtune predict DIR --input FILE {options}\n" in page
    changes = "[DATA.KEY=VALUE…] [--trial NUMBER] [--method NAME] [--format NAMES]"
    assert f"    armtune export RUN --to DIR {changes} [--plugins FILE…] [--json]\n" in page
    assert "| `--resume` | – | Go on with an earlier sweep. |" in page
    shown = "| `RECIPE` | needed | The recipe, a YAML file, or the bare name of a shipped one"
    assert shown in page
