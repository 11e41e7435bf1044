"""The figures that a report begins with, and what is to be done next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from armtune.references import Reference, References
from armtune.report.headline import next_steps, tiles_of
from armtune.report.verdict import Facts, Winner
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.workers.trial import Confirmation

LINEAR = Reference("logistic regression", "together", validation=0.8, test=0.5)
ALONE = Reference("logistic regression", "single", "text", 0.7, 0.4)
TEST = {
    "accuracy": 0.6,
    "contribution_gap": 0.25,
    "contribution/text": 0.35,
    "contribution/image": 0.1,
}


def facts(score: str = "accuracy", **test: float) -> Facts:
    record = TrialRecord(3, "COMPLETE", {}, {}, 9, "", 0.0, 1.0)
    seeds = [Confirmation(k, {}, {**TEST, **test}) for k in range(2)]
    known = References("accuracy", 100, {}, (LINEAR, ALONE))
    return Facts(Winner("trial 3", record, score, seeds), "", [record], {}, known)


def test_there_are_four() -> None:
    tiles = {tile.what: (tile.value, tile.about) for tile in tiles_of(facts())}
    assert list(tiles) == [
        "accuracy on test",
        "best single modality",
        "best reference",
        "gap on test",
    ]
    value, about = tiles["accuracy on test"]
    assert value.startswith("60.0 % ± ")
    assert about == "trial 3; 95 % interval"
    assert tiles["best single modality"] == ("40.0 %", ALONE.name)
    assert tiles["best reference"] == ("50.0 %", LINEAR.name)
    assert tiles["gap on test"] == ("0.250", "text adds 0.350, image 0.100")


@pytest.mark.parametrize(
    ("validation", "shown"),
    [(0.75, ("55.0 %", "image, the same settings alone")), (0.6, ("40.0 %", ALONE.name))],
)
def test_the_single_modality_is_the_better_one_by_validation(
    validation: float, shown: tuple[str, str]
) -> None:
    solo = {"image": [Confirmation(0, {"accuracy": validation}, {"accuracy": 0.55})]}
    tiles = {tile.what: (tile.value, tile.about) for tile in tiles_of(replace(facts(), solo=solo))}
    assert tiles["best single modality"] == shown


def test_what_isnt_known_is_left_out() -> None:
    bare = facts()
    record = bare.winner.record
    seeds = [Confirmation(0, {}, {"r2": 0.5})]
    (only,) = tiles_of(Facts(Winner("trial 3", record, "r2", seeds), "", [record], {}, None))
    assert only.value.startswith("0.500 ± ")


@pytest.mark.parametrize("exported", [True, False])
def test_what_comes_next_depends_on_what_there_is(
    tmp_path: Path, script: Any, exported: bool
) -> None:
    run, best = tmp_path / "a run", tmp_path / "a run" / "best" if exported else None
    commands = [command for _, command in next_steps(run, best, script.recipe(), [4])]
    assert commands[0] == f"armtune board '{run}'"
    if exported:
        assert f"armtune predict '{run}/best' --input samples.npz" in commands
        assert f"armtune explain '{run}/best' --input samples.npz" in commands
    else:
        assert commands[1:] == [f"armtune export '{run}' --to model --trial 4"]
    assert len(next_steps(run, None, script.recipe(), [])) == 1
