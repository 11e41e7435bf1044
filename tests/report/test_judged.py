"""What an export measured of the winner, read again for the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from armtune.bundle.manifest import CHECKSUM, MANIFEST, checksum
from armtune.export.outcomes import outcomes
from armtune.report.judged import read_judged, scores_grid
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels

LOGITS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [1.0, 0.0, 0.5], [0.0, 0.0, 4.0]])


def test_classes_are_counted_by_what_they_are_said_to_be() -> None:
    found = outcomes(torch.tensor([0, 1, 2, 2]), Classes(("a", "b", "c")), LOGITS)
    assert found["confusion"] == [[1, 0, 0], [0, 1, 0], [1, 0, 1]]
    # Rightly said, said, there.
    assert found["counts"] == [[1, 2, 1], [1, 1, 1], [1, 1, 2]]
    sure = LOGITS.softmax(1).amax(1).numpy()
    assert sum(count for count, *_ in found["calibration"]) == 4
    lowest = found["calibration"][0]
    assert lowest == [1, pytest.approx(float(sure.min())), 0.0]


def test_labels_are_counted_one_by_one() -> None:
    target = Labels(("a", "b", "c"), thresholds=(0.5, 0.5, 0.99))
    labels = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    found = outcomes(labels.float(), target, LOGITS - 1)
    assert "confusion" not in found
    assert found["counts"] == [[1, 1, 1], [1, 1, 1], [0, 0, 2]]
    assert sum(count for count, *_ in found["calibration"]) == 12


def test_many_classes_have_no_confusion() -> None:
    target = Classes(tuple(map(str, range(61))))
    found = outcomes(torch.arange(61), target, torch.eye(61))
    assert "confusion" not in found
    assert np.array(found["counts"]).shape == (61, 3)


MODELS = [{"number": 2, "seed": 0, "epochs": 3, "share": 0.75}]


def run(chosen: int, models: Sequence[Any] = (), stands: bool = True) -> Any:
    """What a sweep found: a trial, perhaps with an ensemble."""
    ensemble = SimpleNamespace(models=list(models), stands=stands) if models else None
    return SimpleNamespace(chosen=chosen, ensemble=ensemble)


def write(folder: Path, trial: int = 2, models: Sequence[Any] = (), **changes: Any) -> None:
    best = folder / "best"
    best.mkdir(parents=True, exist_ok=True)
    usual = {"counts": [[1, 2, 1], [0, 0, 3]], "calibration": [[4, 0.5, 0.25]]}
    manifest = {
        "target": {"kind": "classes", "names": ["a", "b"]},
        "shapes": {"x": [1]},
        "sha256": {},
        "outcomes": {**usual, **changes},
    }
    told = {**manifest, CHECKSUM: checksum(manifest)}
    (best / MANIFEST).write_text(json.dumps(told), encoding="utf-8")
    known = {"trial": trial, **({"ensemble": {"models": list(models)}} if models else {})}
    (best / "metrics.json").write_text(json.dumps(known), encoding="utf-8")


def test_it_is_read_where_the_chosen_trial_was_exported(tmp_path: Path) -> None:
    chosen: Any = run(2)
    assert read_judged(tmp_path, chosen) == {}
    write(tmp_path)
    grid = scores_grid(read_judged(tmp_path, chosen))
    assert grid.rows == (
        ("a", "0.5000", "1.0000", "0.6667", "1"),
        ("b", "–", "0.0000", "0.0000", "3"),
    )
    assert read_judged(tmp_path, run(1)) == {}
    assert scores_grid({}).rows == ()


def test_an_ensemble_is_known_by_its_models(tmp_path: Path) -> None:
    others = [{**MODELS[0], "share": 0.5}]
    write(tmp_path, models=MODELS, split="test")
    judged = read_judged(tmp_path, run(2, MODELS))
    assert scores_grid(judged).title == "Scores by class or label, on test"
    assert read_judged(tmp_path, run(2, others)) == {}
    assert read_judged(tmp_path, run(2, MODELS, stands=False)) == {}
    assert read_judged(tmp_path, run(2)) == {}
    write(tmp_path)
    assert read_judged(tmp_path, run(2, MODELS)) == {}
    judged = read_judged(tmp_path, run(2, MODELS, stands=False))
    assert scores_grid(judged).title == "Scores by class or label, on validation"


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": [[1, 2, 1]]},
        {"counts": "x"},
        {"counts": [[1, 2, "y"], [1, 2, 3]]},
        {"confusion": [[1, 2]]},
        {"calibration": [[1, 2]]},
        {"calibration": None},
        {"split": "<b>"},
        {"counts": [[1, 2, float("inf")], [1, 2, 3]]},
    ],
)
def test_what_no_export_writes_isnt_shown(tmp_path: Path, changes: dict[str, Any]) -> None:
    write(tmp_path, **changes)
    assert read_judged(tmp_path, run(2)) == {}
