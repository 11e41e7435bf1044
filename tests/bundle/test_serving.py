"""A part's files of numbers: what is written of weights, scales and decisions is read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from armtune.bundle.manifest import DECISIONS, Part
from armtune.bundle.program import read_weights
from armtune.bundle.serving import write_part
from armtune.data.standardize import Standardization


@pytest.mark.parametrize("members", [None, 1, 3])
def test_a_parts_numbers_are_read_as_they_were_written(tmp_path: Path, members: int | None) -> None:
    draw = np.random.default_rng(0)
    whole = draw.normal(size=(members or 1, 4, 2)).astype(np.float32)
    weights = {"a": whole.transpose(0, 2, 1) if members else whole[0].T}  # not as it lies
    mean, std, turn = (draw.normal(size=shape) for shape in [(4,), (4,), (4, 4)])
    bins = {"select": np.eye(4), "starts": np.zeros(4), "widths": np.ones(4)}
    scales = {
        "x": Standardization(mean, std),
        "y": Standardization(mean, std, turn),
        "z": Standardization(mean, std, **bins),
    }
    decisions = None if members is None else np.ones((members, 4, 3), np.float32)
    part = Part.at(2, members or 1)
    write_part(tmp_path, part, weights, scales, decisions)
    assert {file.name for file in tmp_path.iterdir()} == {part.model, part.preprocessing}
    [read] = read_weights(tmp_path / part.model).values()
    assert np.array_equal(read, weights["a"])
    stored = read_weights(tmp_path / part.preprocessing)
    assert (DECISIONS in stored) == (members is not None)
    assert {name: array.dtype for name, array in stored.items()} == dict.fromkeys(
        stored, np.dtype(np.float32)
    )
    assert np.allclose(stored["mean/x"], mean)
    assert np.allclose(stored["rotation/y"], turn)
    assert "rotation/x" not in stored
    assert {name for name in stored if name.endswith("/z")} == {
        "mean/z", "std/z", "select/z", "starts/z", "widths/z",
    }  # fmt: skip
