"""The CMU Multimodal SDK's lists of which video is for what, read without being run."""

from __future__ import annotations

import ast
from itertools import combinations
from pathlib import Path
from typing import Any

from armtune.data.splits import SPLITS
from armtune.errors import DataError

LISTS = dict(
    zip(("standard_train_fold", "standard_valid_fold", "standard_test_fold"), SPLITS, strict=True)
)


def read_folds(path: Path) -> dict[str, list[str]]:
    """Video ids of each split, from a Python file that gives three lists their names.

    The file is parsed, never run; whatever else stands in it is passed over.

    Raises:
        DataError: it isn't such a file, a list is missing or empty, or a video is in two.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = {name: ast.literal_eval(value) for name, value in _assignments(tree).items()}
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror})") from error
    except (SyntaxError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: no plain lists in Python ({error})") from error
    for name in LISTS:
        if not _is_list_of_ids(found.get(name)):
            raise DataError(f"{path}: needs {name} = [...], a list of video ids")
    for one, other in combinations(LISTS, 2):
        if shared := sorted(set(found[one]) & set(found[other])):
            raise DataError(f"{path}: video {shared[0]} is in both {one} and {other}")
    return {split: list(dict.fromkeys(found[name])) for name, split in LISTS.items()}


def _assignments(tree: ast.Module) -> dict[str, ast.expr]:
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in LISTS
    }


def _is_list_of_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
