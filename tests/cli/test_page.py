"""The page of verbs: complete, and up to date in the repository."""

from __future__ import annotations

import re
from pathlib import Path

import armtune.cli
from armtune.cli._page import markdown

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == markdown(), (
        "run: just generate"
    )


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
