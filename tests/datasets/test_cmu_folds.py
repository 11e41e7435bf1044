"""Lists of videos in Python's syntax are read and never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.datasets._cmu_folds import read_folds
from armtune.errors import DataError

FINE = """
_URL_ = {}
_URL_["COVAREP"] = "http://nowhere"
standard_train_fold = ['a', "b",
                       'a']
standard_valid_fold=["c"]
standard_test_fold=['d']
"""


def read(folder: Path, text: str) -> dict[str, list[str]]:
    (folder / "folds.py").write_text(text, encoding="utf-8")
    return read_folds(folder / "folds.py")


def test_lists_by_split_without_repetitions(tmp_path: Path) -> None:
    assert read(tmp_path, FINE) == {"train": ["a", "b"], "validation": ["c"], "test": ["d"]}


def test_nothing_is_run(tmp_path: Path) -> None:
    trap = f"\nopen({str(tmp_path / 'run')!r}, 'w').close()\n"
    read(tmp_path, trap + FINE)
    with pytest.raises(DataError, match="no plain lists"):
        read(tmp_path, FINE + f"standard_test_fold = [open({str(tmp_path / 'run')!r}, 'w')]")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FINE.replace("['d']", "['a']"), "video a is in both standard_train_fold and standard_te"),
        (FINE.replace("['d']", "[]"), r"needs standard_test_fold = \[...\]"),
        (FINE.replace("['d']", "[7]"), r"needs standard_test_fold = \[...\]"),
        (FINE.replace("standard_valid_fold", "valid"), "needs standard_valid_fold"),
        ("a = [", "no plain lists in Python"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"folds\.py: {message}"):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"folds\.py: can't be read"):
        read_folds(tmp_path / "folds.py")
