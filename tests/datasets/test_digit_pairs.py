from __future__ import annotations

import numpy as np
import pytest

from armtune.data.energy import strongest
from armtune.datasets._digit_pairs import partners, reduced


@pytest.mark.parametrize("seed", [0, 1])
def test_partners_say_the_label_and_are_used_evenly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    digits = np.repeat(np.arange(10), 7)
    labels = rng.integers(0, 10, 1000)
    own = partners(labels, digits, rng)
    np.testing.assert_array_equal(digits[own], labels)
    used = np.bincount(own, minlength=len(digits)).reshape(10, 7)
    assert (np.ptp(used, axis=1) <= 1).all()


def test_partners_are_shuffled_by_the_generator() -> None:
    labels, digits = np.arange(100) % 10, np.repeat(np.arange(10), 50)
    one, again, other = (partners(labels, digits, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_reduced_images_are_projected_then_pooled() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 16)).astype(np.uint8)
    projection = strongest(images, 1.0)
    (small,) = reduced(images, projection, (2, 2))
    expected = images.reshape(50, 2, 2, 2, 2).mean(axis=(2, 4)) / 255
    np.testing.assert_allclose(small, expected, atol=1e-5)
