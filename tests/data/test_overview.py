from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from armtune.data import Dataset
from armtune.data import rows as module
from armtune.data.overview import doubts, overview
from armtune.testing.toys import toy_dataset


@pytest.mark.parametrize("chunk", [1, 1 << 24])
def test_bad_values_are_counted_in_all_splits_and_constants_in_train(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    dataset = toy_dataset()
    first = next(iter(dataset.shapes))
    train, test = (np.array(s.views[first]) for s in (dataset.train, dataset.test))
    train[:, 0] = 2.0
    test[-1, :] = np.inf
    test[0, 0] = np.nan
    broken = replace(
        dataset,
        train=replace(dataset.train, views={**dataset.train.views, first: train}),
        test=replace(dataset.test, views={**dataset.test.views, first: test}),
    )
    view = overview(broken).modalities[first]
    assert view.features == train[0].size
    assert view.constant == train[0, 0].size
    assert view.not_finite == train[0].size + train[0, 0].size


def judged_on_three() -> Dataset:
    """Toy data with three test samples, of two classes."""
    dataset = toy_dataset()
    views = {m: v[:3] for m, v in dataset.test.views.items()}
    few = replace(dataset.test, views=views, labels=np.array([0, 0, 1]))
    return replace(dataset, test=few)


def test_a_class_that_a_split_lacks_counts_as_none() -> None:
    found = overview(judged_on_three())
    counts = list(found.labels["test"].values())
    assert counts[:2] == [2, 1]
    assert not any(counts[2:])
    assert found.imbalance["test"] == 2


def test_splits_that_can_hardly_judge_are_told() -> None:
    dataset = toy_dataset()
    own = [doubt for doubt in doubts(judged_on_three()) if doubt.startswith("test")]
    lacking = ", ".join(list(overview(dataset).labels["test"])[2:7])
    assert own[0] == "test holds 3 samples: scores on so few are mostly chance"
    assert own[1].startswith(f"test has no sample of {lacking}")
    assert not any(doubt.startswith("train") for doubt in doubts(dataset))
