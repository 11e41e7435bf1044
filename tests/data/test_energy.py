from __future__ import annotations

import numpy as np
import pytest

from armtune.data.energy import scaled, strongest


@pytest.fixture
def images() -> np.ndarray:
    """Independent pixels whose variances fall by half from one to the next."""
    rng = np.random.default_rng(0)
    spread = 60 * 2 ** (-np.arange(8) / 2)
    return np.clip(128 + spread * rng.normal(size=(9000, 8)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("share", "count"), [(0.4, 1), (0.6, 2), (0.8, 3), (0.9, 4)])
def test_the_fewest_components_that_hold_the_share(
    images: np.ndarray, share: float, count: int
) -> None:
    projection = strongest(images, share)
    assert len(projection.components) == count
    assert projection.kept == pytest.approx(1 - 0.5**count, abs=0.02)
    assert projection.kept >= share


def test_what_is_removed_is_the_rest_of_the_energy_and_the_mean_stays(images: np.ndarray) -> None:
    projection = strongest(images, 0.6)
    whole, kept = scaled(images), projection.apply(scaled(images))
    np.testing.assert_allclose(kept.mean(axis=0), whole.mean(axis=0), atol=1e-5)
    share = kept.var(axis=0).sum() / whole.var(axis=0).sum()
    assert share == pytest.approx(projection.kept, abs=1e-4)
    np.testing.assert_allclose(projection.apply(kept), kept, atol=1e-5)


def test_all_energy_keeps_images_as_they_are(images: np.ndarray) -> None:
    projection = strongest(images, 1.0)
    assert projection.kept == pytest.approx(1)
    np.testing.assert_allclose(projection.apply(scaled(images)), scaled(images), atol=1e-5)


def test_constant_pixels_need_no_component(images: np.ndarray) -> None:
    framed = np.pad(images, ((0, 0), (2, 2)))
    projection = strongest(framed, 1.0)
    assert len(projection.components) == 8
    assert projection.apply(scaled(framed)).dtype == np.float32
