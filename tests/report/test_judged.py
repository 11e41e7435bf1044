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
from armtune.export.outcomes import given_alone, outcomes
from armtune.report.judged import alone_grid, read_judged, scores_grid, spreads_grid
from armtune.targets.classes import Classes
from armtune.targets.labels import Labels
from armtune.targets.values import Values

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


def test_a_modality_alone_is_counted_beside_all_of_them() -> None:
    """Of the samples that have it: right by both, together only, alone only, by neither."""
    labels, target = torch.tensor([0, 1, 0, 2]), Classes(("a", "b", "c"))
    own = torch.eye(3)[[0, 0, 2, 2]]
    everyone, some = torch.ones(4, dtype=torch.bool), torch.tensor([True, False, True, True])
    alone = {"image": (own, everyone), "audio": (own.roll(1, 0), some)}
    found = outcomes(labels, target, torch.eye(3)[[0, 1, 2, 0]], alone=alone)
    # All together say a, b, c and a; image alone a, a, c and c; audio alone c, a, a and c.
    assert found["alone"] == {"image": [1, 1, 1, 1], "audio": [0, 1, 2, 0]}
    # The second sample is right together only.
    assert found["examples"]["image"] == {
        "together": [{"sample": 1, "true": [1], "told": [1], "alone": [0]}],
        "alone": [{"sample": 3, "true": [2], "told": [0], "alone": [2]}],
    }
    grid = alone_grid({"outcomes": found})
    assert grid.rows == (("image", "4", "1", "1", "1", "1"), ("audio", "3", "0", "1", "2", "0"))


def test_all_labels_of_a_sample_have_to_be_right() -> None:
    target, labels = Labels(("a", "b")), torch.tensor([[1.0, 0], [0, 1]])
    alone = {m: (torch.tensor([[1.0, 1], [-1, 1]]), torch.ones(2).bool()) for m in ("x", "y")}
    found = outcomes(labels, target, 2 * labels - 1, "test", alone)
    assert (found["split"], found["alone"]) == ("test", {m: [1, 1, 0, 0] for m in ("x", "y")})
    together = [{"sample": 0, "true": [0], "told": [0], "alone": [0, 1]}]
    assert found["examples"]["x"] == {"together": together, "alone": []}


def test_a_modality_alone_is_its_own_set() -> None:
    decisions = torch.arange(7.0).view(7, 1, 1)
    present = {m: torch.ones(1).bool() for m in ("x", "y", "z")}
    told = given_alone(decisions, present)
    assert {m: float(outputs) for m, (outputs, _) in told.items()} == {"x": 0, "y": 1, "z": 3}
    assert given_alone(decisions, {"x": present["x"]}) == {}


def test_values_are_told_by_how_far_off_they_are() -> None:
    target = Values(("height", "weight"), (10.0, 0.0), (2.0, 1.0))
    labels = torch.zeros(5, 2)
    outputs = torch.stack([torch.arange(5.0), -torch.arange(5.0)], dim=1)
    found = outcomes(labels, target, outputs)
    # Off by 0, 2, 4, 6 and 8, and by 0 to −4.
    height, weight = 4 * 2**0.5 / 2, 2**0.5
    assert np.allclose(found["spreads"], [[4, height, 4, 7.2], [-2, weight, 2, 3.6]])
    assert found["points"][0] == [[10.0] * 5, [10.0, 12.0, 14.0, 16.0, 18.0]]
    assert "counts" not in found


def test_one_value_is_as_two_are_and_few_points_are_kept() -> None:
    truth = torch.linspace(-1, 1, 5001)
    found = outcomes(truth, Values(("y",), (3.0,), (2.0,)), truth.unsqueeze(1) + 0.5)
    assert np.allclose(found["spreads"], [[1, 0, 1, 1]], atol=1e-6)
    true, said = np.array(found["points"][0])
    assert (len(true), true[0], true[-1]) == (2000, 1, 5)
    assert np.allclose(said - true, 1, atol=1e-4)


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


def test_residuals_are_read(tmp_path: Path) -> None:
    points = [[[1.0, 2.0], [1.5, 2.0]]] * 2
    known: dict[str, Any] = {
        "spreads": [[0.5, 1, 2, 3], [-1e-7, 0, 0, 123456]],
        "points": points,
        "alone": {},
    }
    write(tmp_path, **known)
    judged = read_judged(tmp_path, run(2))
    assert spreads_grid(judged).rows == (
        ("a", "0.5", "1", "2", "3"),
        ("b", "-1e-07", "0", "0", "1.235e+05"),
    )
    assert spreads_grid({}).rows == alone_grid({}).rows == ()


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
        {"alone": {"x": [1, 2, 3]}},
        {"alone": {"x": [1, 2, 3, float("nan")]}},
        {"alone": 5},
        {"examples": 5},
        {"examples": {"x": {"else": []}}},
        {"examples": {"x": {"alone": [{"sample": 1, "true": [0], "told": [2], "alone": [0]}]}}},
        {"examples": {"x": {"alone": [{"sample": "1", "true": [0], "told": [1], "alone": [0]}]}}},
        {"examples": {"x": {"alone": [{"sample": 1, "true": [0], "told": [1]}]}}},
        {"examples": {"x": {"alone": [{"sample": 1, "true": 0, "told": [1], "alone": [0]}]}}},
        {"spreads": [[1, 2, 3, 4]] * 2},
        {"spreads": [[1, 2, 3, 4]] * 2, "points": []},
        {"spreads": [[1, 2, 3, 4]] * 2, "points": [[[], []]] * 2},
        {"spreads": [[1, 2, 3, 4]] * 2, "points": [[[1], [1, 2]]] * 2},
        {"spreads": [[1, 2, 3]] * 2, "points": [[[1], [1]]] * 2},
        {"counts": [[1, 2, float("inf")], [1, 2, 3]]},
    ],
)
def test_what_no_export_writes_isnt_shown(tmp_path: Path, changes: dict[str, Any]) -> None:
    write(tmp_path, **changes)
    assert read_judged(tmp_path, run(2)) == {}
