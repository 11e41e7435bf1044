"""Samples as rows of numbers: scaled by training samples, whatever is missing or wide."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from armtune.data import Split
from armtune.references.features import COMPONENTS, MOST_VALUES, Scaler, both, read


def split_of(view: NDArray[np.float32], present: NDArray[np.bool_] | None = None) -> Split:
    there = {} if present is None else {"m": present}
    return Split({"m": view.astype(np.float32)}, np.zeros(len(view), np.int64), there)


def test_vectors_are_standardised_by_training_samples_alone() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal([1, 50], [2, 9], (400, 2)), rng.normal(7, 1, (5, 2))
    views = [read(split_of(view), "m", False) for view in (train, test)]
    scaler = Scaler(views[0])
    inside, outside = (scaler.apply(view) for view in views)
    np.testing.assert_allclose(inside.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(inside.std(0), 1, atol=1e-5)
    expected = (test - train.mean(0)) / train.std(0)
    np.testing.assert_allclose(outside, expected, atol=1e-4)


def test_images_keep_their_proportions() -> None:
    view = np.random.default_rng(0).normal(size=(50, 3, 4)) * np.arange(1, 13).reshape(3, 4)
    read_view = read(split_of(view), "m", False)
    found = Scaler(read_view).apply(read_view)
    spreads = found.std(0) / view.reshape(50, -1).std(0)
    np.testing.assert_allclose(spreads, spreads[0], rtol=1e-4)


def test_large_samples_are_pooled() -> None:
    view = np.arange(2 * 200 * 100, dtype=np.float32).reshape(2, 200, 100)
    found = read(split_of(view), "m", False)
    assert found.width <= MOST_VALUES
    np.testing.assert_allclose(found.rows.mean(), view.mean(), rtol=1e-6)


def test_what_is_missing_is_the_mean_with_an_indicator() -> None:
    view = np.random.default_rng(0).normal(size=(20, 3))
    present = np.arange(20) % 4 > 0
    view[~present] = 1e6
    view[1, 2] = np.nan
    view[2, 0] = np.inf
    read_view = read(split_of(view, present), "m", False)
    found = Scaler(read_view).apply(read_view)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[~present][:, :3], 0)
    np.testing.assert_array_equal(found[:, 3], ~present)
    assert found[1, 2] == pytest.approx(0)
    assert found[2, 0] == pytest.approx(0)


def test_constant_columns_become_zeros() -> None:
    view = np.column_stack([np.full(9, 0.1), np.arange(9)])
    read_view = read(split_of(view), "m", False)
    np.testing.assert_array_equal(Scaler(read_view).apply(read_view)[:, 0], 0)
    alike = read(split_of(np.full((9, 3), 5.0)), "m", False)
    np.testing.assert_array_equal(Scaler(alike).apply(alike), 0)


def test_wide_vectors_become_components_that_keep_distances() -> None:
    view = np.random.default_rng(0).normal(size=(40, 10_000))
    read_view = read(split_of(view), "m", False)
    found = Scaler(read_view).apply(read_view)
    assert found.shape == (40, 39)
    assert found.shape[1] <= COMPONENTS
    scaled = (view - view.mean(0)) / view.std(0)
    ratio = np.linalg.norm(found[0] - found[1]) / np.linalg.norm(scaled[0] - scaled[1])
    other = np.linalg.norm(found[5] - found[9]) / np.linalg.norm(scaled[5] - scaled[9])
    assert ratio == pytest.approx(other, rel=1e-4)


def test_words_are_weighed_by_how_rare_they_are() -> None:
    train = np.array([[2, 3, 3, 0], [2, 4, 0, 0], [2, 5, 5, 5]])
    test = np.array([[9, 9, 2, 0], [0, 0, 0, 0]])
    views = [read(split_of(view), "m", True) for view in (train, test)]
    scaler = Scaler(views[0])
    inside, outside = (scaler.apply(view) for view in views)
    assert inside.shape == (3, 4)
    assert outside.shape == (2, 4), "words that training never saw don't count"
    assert np.isfinite(outside).all()
    swapped = read(split_of(train[:, ::-1]), "m", True)
    np.testing.assert_allclose(scaler.apply(swapped), inside, err_msg="order doesn't matter")


@pytest.mark.parametrize("tokens", [False, True])
def test_two_splits_are_one(tokens: bool) -> None:
    first, second = np.array([[1, 2, 0], [3, 1, 1]]), np.array([[7, 1, 2]])
    views = [read(split_of(view), "m", tokens) for view in (first, second)]
    whole = read(split_of(np.concatenate([first, second])), "m", tokens)
    joined = both(*views)
    np.testing.assert_array_equal(Scaler(joined).apply(joined), Scaler(whole).apply(whole))
