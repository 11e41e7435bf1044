"""The house's layers: which package may import which, as pyproject.toml states them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
AT_THE_ROOT = {"__init__", "__main__", "api", "errors", "files", "information"}


def linted(root: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def copied(folder: Path) -> Path:
    shutil.copytree(
        ROOT / "armtune", folder / "armtune", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_no_package_imports_one_that_stands_above_it(tmp_path: Path) -> None:
    done = linted(copied(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_import_upwards_is_found(tmp_path: Path) -> None:
    root = copied(tmp_path)
    with (root / "armtune" / "data" / "splits.py").open("a") as file:
        file.write("\nimport armtune.training.loop\n")
    done = linted(root)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "armtune.data.splits -> armtune.training.loop" in done.stdout


def test_at_most_six_files_stand_loose() -> None:
    assert {path.stem for path in (ROOT / "armtune").glob("*.py")} <= AT_THE_ROOT
