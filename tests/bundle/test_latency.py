"""How long a prediction takes: by which engine, and of how many networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armtune.bundle.engine import CantExport, Engine, Present, Views
from armtune.bundle.formats import numpy as numpy_format
from armtune.bundle.latency import latency, milliseconds
from armtune.bundle.serving import Exported, Served, export
from armtune.data import Dataset
from armtune.data.folding import folded
from armtune.recipe.schema import Recipe
from armtune.training.samples import Samples
from tests.conftest import TWO, toy_dataset, toy_recipe

MEASURED = 7.5
"""What the clock is made to say."""


class Seen:
    """What was timed, and what could have been."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.timed: list[Engine] = []
        self.loaded: list[Engine] = []
        self.parts: list[Served] = []
        self.told: list[Any] = []
        load = numpy_format.load

        def loading(folder: Path) -> Engine:
            self.loaded.append(load(folder))
            return self.loaded[-1]

        def exporting(parts: Sequence[Served], shapes: Any) -> Exported:
            self.parts += parts
            return export(parts, shapes)

        def timing(engine: Engine, views: Views, present: Present, times: int) -> float:
            self.timed.append(engine)
            self.told.append(engine(views, present))
            return MEASURED

        monkeypatch.setattr(numpy_format, "load", loading)
        monkeypatch.setattr("armtune.bundle.latency.export", exporting)
        monkeypatch.setattr("armtune.bundle.latency.milliseconds", timing)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return Seen(monkeypatch)


def measure(recipe: Recipe, dataset: Dataset) -> float:
    return latency(recipe, Samples(recipe, dataset, "cpu"))


def test_it_is_a_positive_number() -> None:
    assert 0 < measure(toy_recipe(), toy_dataset()) < 10_000


def test_numpy_is_timed_where_it_can_be_exported(seen: Seen) -> None:
    dataset = toy_dataset()
    assert measure(toy_recipe(), dataset) == MEASURED
    assert seen.timed == seen.loaded
    assert len(seen.timed) == 1
    assert seen.told[0].shape == (1, dataset.target.width)


def cannot(*_: Any) -> None:
    raise CantExport("no numpy version of it")


@pytest.mark.parametrize("large", [False, True], ids=["not exported", "large samples"])
def test_torch_is_timed_otherwise(seen: Seen, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    if large:
        monkeypatch.setattr("armtune.bundle.latency.FEW", 1)
    else:
        monkeypatch.setattr(numpy_format, "write", cannot)
    dataset = toy_dataset()
    assert measure(toy_recipe(), dataset) == MEASURED
    assert seen.loaded == []
    assert np.shape(seen.told[0]) == (1, dataset.target.width)


@pytest.mark.parametrize("folds", [1, 3])
def test_the_networks_of_all_folds_predict(seen: Seen, folds: int) -> None:
    dataset = folded(toy_dataset(), folds)
    recipe = toy_recipe(folds=folds)
    measure(recipe, dataset)
    [part] = seen.parts
    if folds == 1:
        assert part.decisions is None
    else:
        assert part.decisions is not None
        assert part.decisions.shape == (folds, 2 ** len(TWO), 1 + len(TWO))
    assert seen.timed == seen.loaded


def test_the_median_of_single_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 0.002, 1.0, 1.009, 2.0, 2.004])
    monkeypatch.setattr("time.perf_counter", lambda: next(moments))
    asked = []

    def engine(views: Views, present: Present) -> Any:
        asked.append((views["a"].shape, present["a"].shape))
        return views["a"]

    found = milliseconds(engine, {"a": np.zeros((4, 3))}, {"a": np.ones(4, bool)}, times=3)
    assert found == pytest.approx(4.0)
    assert asked == [((1, 3), (1,))] * 3
