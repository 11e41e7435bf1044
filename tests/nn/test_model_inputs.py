"""What pretrained models read: closed forms; whole models are in tests/encoders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from armtune.nn.architectures import misfit, towers
from armtune.nn.model_inputs import Pictures, Spectra, Waves, scaling, steps_of

SIDES = {"height": 4, "width": 6}


@pytest.mark.parametrize("how", ["nearest-exact", "bilinear", "bicubic"])
def test_scaling_to_the_same_size_changes_nothing(how: str) -> None:
    assert torch.allclose(scaling(5, 5, 5, how), torch.eye(5), atol=1e-6)
    assert torch.allclose(scaling(6, 6, 2, how), torch.eye(6)[2:4], atol=1e-6)


@pytest.mark.parametrize("given", [3, 9, 20])
def test_what_is_even_stays_even(given: int) -> None:
    for how in ("bilinear", "bicubic"):
        matrix = scaling(given, 8, 6, how)
        assert matrix.shape == (6, given)
        assert torch.allclose(matrix.sum(1), torch.ones(6), atol=1e-5)


@pytest.mark.parametrize(
    ("about", "shape", "sides"),
    [
        ({"size": SIDES}, (3, 9, 9), (4, 6)),
        ({"size": 5}, (3, 9, 9), (5, 5)),
        ({"size": {"shortest_edge": 4}}, (3, 8, 12), (4, 6)),
        ({"size": {"shortest_edge": 6}, "crop_size": 5, "do_center_crop": True}, (6, 9), (5, 5)),
        ({"size": {"shortest_edge": 4}, "crop_pct": 0.5}, (3, 10, 10), (4, 4)),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.5}, (3, 10, 10), (384, 384)),
        ({"do_resize": False}, (1, 9, 7), (9, 7)),
    ],
)
def test_images_have_the_size_that_the_files_say(
    about: dict[str, Any], shape: tuple[int, ...], sides: tuple[int, int]
) -> None:
    assert Pictures(shape, about)(torch.rand(2, *shape)).shape == (2, 3, *sides)


def test_colours_are_normalised() -> None:
    about = {"size": 2, "image_mean": [0.5, 0.0, 1.0], "image_std": [0.5, 1.0, 2.0]}
    found = Pictures((2, 2), about)(torch.full((1, 2, 2), 0.25))
    assert torch.allclose(found[0, :, 0, 0], torch.tensor([-0.5, 0.25, -0.375]))
    plain = Pictures((2, 2), {**about, "do_normalize": False, "do_rescale": False})
    assert torch.allclose(plain(torch.full((1, 2, 2), 0.2)), torch.full((1, 3, 2, 2), 51.0))


def test_waves_have_mean_0_and_variance_1() -> None:
    x = 3 + 2 * torch.rand(4, 50, dtype=torch.float64)
    found = Waves((50,), {"do_normalize": True})(x)
    assert torch.allclose(found.mean(1), torch.zeros(4).double(), atol=1e-12)
    assert torch.allclose(found.var(1, correction=0), torch.ones(4).double(), atol=1e-5)
    assert torch.equal(Waves((50,), {"do_normalize": False})(x), x)
    assert torch.isfinite(Waves((50,), {})(torch.zeros(1, 50))).all()


def test_spectra_are_powers_of_the_transform() -> None:
    rng = np.random.default_rng(0)
    wave, window = rng.normal(size=40), np.hanning(16)
    found = Spectra(window, 8, 32, np.eye(17))(torch.tensor(wave[None], dtype=torch.float32))
    expected = [abs(np.fft.rfft(wave[k : k + 16] * window, 32)) ** 2 for k in (0, 8, 16, 24)]
    assert np.allclose(found[0], expected, atol=1e-3)


@pytest.mark.parametrize(("length", "steps"), [(1, 1), (320, 1), (321, 2), (16000, 50)])
def test_sound_takes_some_of_whispers_states(length: int, steps: int) -> None:
    assert steps_of(length, 160, 2) == steps


def test_a_shape_decides_between_towers() -> None:
    images, text = towers("clip")
    assert images.fits((3, 8, 8))
    assert images.fits((8, 8))
    assert not images.fits((8,))
    assert text.fits((8,))
    assert not misfit("bert", (8,))
    assert misfit("bert", (8, 2)) == "reads token numbers (token,), not (8, 2)"
