from __future__ import annotations

import numpy as np
import pytest

from armtune.data import rows
from armtune.data.standardize import SCALINGS, fit, fit_padded


def test_each_feature_of_a_vector_has_its_own_mean_and_scale() -> None:
    view = np.random.default_rng(0).normal([5, -300], [0.1, 40], (5000, 2)).astype(np.float32)
    scale = fit(view)
    assert scale.mean.shape == scale.std.shape == (2,)
    assert scale.mean.dtype == scale.std.dtype == np.float32
    done = scale.apply(view)
    assert done.dtype == np.float32
    np.testing.assert_allclose(done.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(done.std(axis=0), 1, atol=1e-3)


def test_an_image_s_pixels_share_one_scale() -> None:
    rng = np.random.default_rng(0)
    view = rng.normal([[0, 9], [0, 0]], [[1, 2], [3, 4]], (4000, 2, 2)).astype(np.float32)
    scale = fit(view)
    assert scale.mean.shape == (2, 2)
    assert scale.std.shape == (1,)
    assert scale.std[0] == pytest.approx(np.sqrt((1 + 4 + 9 + 16) / 4), rel=0.03)
    done = scale.apply(view)
    np.testing.assert_allclose(done.mean(axis=0), 0, atol=1e-3)
    assert done.var() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("shape", [(500, 3), (500, 3, 4)])
def test_what_is_constant_becomes_zero(shape: tuple[int, ...]) -> None:
    view = np.full(shape, 0.1, np.float32)
    scale = fit(view)
    assert not scale.apply(view).any()
    assert np.abs(scale.apply(view + 1)).max() < 2


def test_large_offsets_lose_nothing() -> None:
    view = (1e4 + np.arange(1000) % 2).astype(np.float32)[:, None]
    assert fit(view).std[0] == pytest.approx(0.5)


def test_reading_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    view = np.random.default_rng(0).normal(3, 2, (101, 4, 5)).astype(np.float32)
    whole = fit(view)
    monkeypatch.setattr(rows, "CHUNK_BYTES", 1000)
    pieces = fit(view)
    np.testing.assert_allclose(pieces.mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(pieces.std, whole.std, rtol=1e-6)


def test_apply_leaves_its_input_as_it_was() -> None:
    view = np.arange(12, dtype=np.float32).reshape(6, 2)
    view.flags.writeable = False
    fit(view).apply(view)
    np.testing.assert_array_equal(view.ravel(), np.arange(12))


@pytest.mark.parametrize("chunk", [1 << 24, 100])
def test_padded_sequences_are_scaled_by_their_real_steps_and_not_moved(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(rows, "CHUNK_BYTES", chunk)
    rng = np.random.default_rng(0)
    view = rng.normal([0, 300, 0, 0], [1, 40, 0.01, 0], (500, 6, 4)).astype(np.float32)
    view[np.arange(6) >= rng.integers(1, 7, 500)[:, None]] = 0
    scale = fit_padded(view)
    assert not scale.mean.any()
    assert scale.std.tolist() == pytest.approx([1, np.hypot(300, 40), 0.01, 1], rel=0.05)
    done = scale.apply(view)
    assert ((done != 0).any(axis=2) == (view != 0).any(axis=2)).all()


def test_padded_sequences_of_zeros_alone_stay_so() -> None:
    view = np.zeros((4, 3, 2), np.float32)
    assert not fit_padded(view).apply(view).any()


def test_what_is_only_ever_0_and_1_may_stay_as_it_is() -> None:
    rng = np.random.default_rng(0)
    binary, numbers = rng.integers(0, 2, (50, 2)), rng.normal(3, 2, (50, 1))
    view = np.concatenate([binary, numbers, numbers > 3, 2 * binary[:, :1]], axis=1)
    scale = SCALINGS["binary_kept"](view.astype(np.float32), None)
    np.testing.assert_array_equal(scale.mean[[0, 1, 3]], 0)
    np.testing.assert_array_equal(scale.std[[0, 1, 3]], 1)
    np.testing.assert_allclose(scale.mean[[2, 4]], view.mean(0)[[2, 4]], rtol=1e-5)
    np.testing.assert_allclose(scale.std[[2, 4]], view.std(0)[[2, 4]], rtol=1e-5)
