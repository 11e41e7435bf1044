"""Views reduced to principal components, against the decomposition itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from armtune.data.standardize import FITTED_TO, fit, fit_components, fitted


def view(samples: int, features: int, rank: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(samples, rank)) @ rng.normal(size=(rank, features))
    return (5 + mixed * rng.uniform(0.1, 100, features)).astype(np.float32)


def test_they_are_those_of_scikit_learn_but_for_their_signs_and_one_scale() -> None:
    x = view(60, 20, 20)
    scale = fit_components(x, most=4)
    standardized = fit(x).apply(x)
    model = PCA(4, svd_solver="full").fit(standardized)
    expected = model.transform(standardized) / np.sqrt(model.explained_variance_.mean() * 59 / 60)
    found = scale.apply(x)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-3)
    assert scale.shape == (4,)
    assert (found**2).mean() == pytest.approx(1, abs=1e-3)
    assert np.abs(scale.rotation).max(0).tolist() == scale.rotation.max(0).tolist()  # type: ignore[union-attr]


def test_there_are_no_more_than_samples_tell() -> None:
    assert fit_components(view(60, 20, 3), most=10).shape == (3,)
    assert fit_components(view(5, 20, 20), most=10).shape == (4,)
    constant = np.full((8, 3), 7.0, np.float32)
    assert not fit_components(constant, most=2).apply(constant).any()


def test_absent_samples_have_no_part_in_them() -> None:
    x = view(40, 6, 6)
    there = np.arange(40) % 4 > 0
    broken = x.copy()
    broken[~there] = 1e6
    whole, holed = fit_components(x[there], most=2), fit_components(broken, there, 2)
    np.testing.assert_allclose(holed.apply(x), whole.apply(x), rtol=1e-4, atol=1e-4)


def test_many_samples_are_drawn_from() -> None:
    x = view(FITTED_TO + 500, 6, 2)
    assert fitted(2, x).shape == (2,)
    np.testing.assert_array_equal(fitted(2, x).rotation, fitted(2, x).rotation)


def test_any_shape_is_laid_flat() -> None:
    x = view(30, 12, 12)
    images = x.reshape(30, 3, 4)
    scale = fit_components(images, most=2)
    assert scale.mean.shape == (3, 4)
    assert scale.apply(images).shape == (30, 2)


def test_rare_words_count_no_more_than_they_are() -> None:
    """The first component is the frequent column's, though each rare one has as large a z-score."""
    rng = np.random.default_rng(0)
    counts = (rng.random((200, 9)) < 0.03).astype(np.float32) * 0.1
    counts[:, 4] = (rng.random(200) < 0.4) * 5
    rotation = fit_components(counts, most=1).rotation
    assert rotation is not None
    assert np.abs(rotation[:, 0]).argmax() == 4
    assert np.abs(np.delete(rotation[:, 0], 4)).max() < 0.02 * np.abs(rotation[4, 0])
