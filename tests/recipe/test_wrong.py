"""Wrong recipes and every message they get.

Each file in ``wrong/`` opens with the messages it should get, one a comment line, in their order;
``<names>`` stands for names of plug-ins, of which more may come. A line ``#$`` holds overrides.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from armtune.errors import RecipeError
from armtune.recipe.space import load_sweep

FOLDER = Path(__file__).parent / "wrong"
FILES = sorted(FOLDER.glob("*.yaml"))


def faults(path: Path, overrides: list[str]) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load_sweep(path, overrides)
    lines = str(caught.value).splitlines()
    root = FOLDER.parents[2]
    return [line.replace(f"{FOLDER}/", "").replace(f"{root}/", "") for line in lines]


def test_there_are_many() -> None:
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_wrong_recipe(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    overrides = [part for line in lines if line.startswith("#$ ") for part in line.split(" ")[1:]]
    got = faults(path, overrides)
    if any("<names>" in line for line in expected):
        patterns = [re.escape(line).replace("<names>", ".+") for line in expected]
        assert len(got) == len(patterns)
        assert all(re.fullmatch(p, g) for p, g in zip(patterns, got, strict=True)), got
    else:
        assert got == expected
