"""What each augmentation makes of samples, against what it should, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from armtune.augmentations import Augmentation
from armtune.augmentations.color import GREY
from armtune.nn.random_streams import Draws, stream
from armtune.plugins.registry import plugins
from armtune.training.knobs import knobs_of


class Told(Draws):
    """Draws that are told: the same for each sample of each member."""

    def __init__(self, *numbers: float) -> None:
        super().__init__([], 0, torch.float64)
        self.numbers = torch.tensor(numbers, dtype=torch.float64)

    def uniform(self, *shape: int) -> Tensor:
        return self.numbers.reshape(1, 1, *shape)

    normal = uniform


def changed(name: str, view: Tensor, draws: Draws, **options: Any) -> Tensor:
    """One sample of one member, changed."""
    plugin = plugins("augmentations")[name](**options)
    assert isinstance(plugin, Augmentation)
    assert not plugin.misfit(tuple(view.shape))
    return plugin.change(view[None, None], knobs_of([plugin], view), draws)[0, 0]


def counted(*shape: int) -> Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float64).reshape(shape)


@pytest.mark.parametrize(("draw", "down"), [(0.0, -2), (0.3, -1), (0.5, 0), (0.7, 1), (0.99, 2)])
def test_a_crop_is_cut_from_a_mirrored_border(draw: float, down: int) -> None:
    view = counted(2, 4, 5)
    wide = torch.nn.functional.pad(view, (2, 2, 2, 2), mode="reflect")
    expected = wide[:, 2 + down : 6 + down, 1:6]
    assert torch.equal(changed("crop", view, Told(draw, 0.25), pixels=2), expected)


def test_every_place_of_a_crop_is_as_likely() -> None:
    draws = Draws([stream(0, "crop")], 20_000, torch.float64)
    plugin = plugins("augmentations")["crop"](pixels=1)
    assert isinstance(plugin, Augmentation)
    view = counted(3, 3).expand(1, 20_000, 3, 3)
    middles = plugin.change(view, knobs_of([plugin], view), draws)[0, :, 1, 1]
    found = torch.bincount(middles.long(), minlength=9) / len(middles)
    assert found == pytest.approx([1 / 9] * 9, abs=0.01)


@pytest.mark.parametrize("draw", [0.2, 0.8])
def test_a_flip_swaps_left_and_right(draw: float) -> None:
    view = counted(3, 2, 4)
    expected = view[..., [3, 2, 1, 0]] if draw < 0.5 else view
    assert torch.equal(changed("flip", view, Told(draw)), expected)


def test_color_multiplies_brightness_contrast_and_saturation() -> None:
    view = counted(3, 2, 2) / 12
    got = changed("color", view, Told(1.0, 0.0, 0.75), brightness=0.5, contrast=0.4, saturation=1.0)
    bright = 1.5 * view
    contrast = 0.6 * bright + 0.4 * bright.mean()
    grey = sum(weight * contrast[k] for k, weight in enumerate(GREY))
    assert torch.allclose(got, 1.5 * contrast - 0.5 * grey)


def test_a_grey_picture_has_no_saturation() -> None:
    view = counted(3, 4)
    assert torch.allclose(changed("color", view, Told(0.5, 0.5, 1.0)), view)


def test_erasing_takes_a_rectangle() -> None:
    # a quarter of 8 × 8 pixels in a square of 4 × 4, in the lower right corner
    view = 1 + counted(2, 8, 8)
    got = changed("erasing", view, Told(0.1, 0.5, 0.5, 0.99, 0.5), area=0.5)
    expected = view.clone()
    expected[:, 4:8, 2:6] = 0
    assert torch.equal(got, expected)
    assert torch.equal(changed("erasing", view, Told(0.9, 0.5, 0.5, 0.99, 0.5)), view)


def test_spec_augment_masks_bands_and_moments() -> None:
    view = 1 + counted(10, 20)
    # widths of 2 bands and none, of 4 moments and of 1; then where each begins
    draws = Told(0.9, 0.0, 0.0, 0.5, 0.99, 0.5, 0.3, 0.0)
    got = changed("spec_augment", view, draws, bands=0.2, time=0.2)
    expected = view.clone()
    expected[0:2] = 0
    expected[:, 8:12] = 0
    expected[:, 0:1] = 0
    assert torch.equal(got, expected)


@pytest.mark.parametrize(("draw", "later"), [(0.0, -2), (0.5, 0), (1.0, 2)])
def test_a_shift_turns_a_sound_in_time(draw: float, later: int) -> None:
    for view in (counted(10), counted(3, 10)):
        got = changed("shift", view, Told(draw), share=0.2)
        assert torch.equal(got, view.roll(later, -1))


def test_gain_is_in_decibels() -> None:
    wave, power = counted(10), counted(3, 10)
    assert torch.allclose(changed("gain", wave, Told(1.0), decibels=20), 10 * wave)
    assert torch.allclose(changed("gain", power, Told(0.0), decibels=20), power - 2)
    stereo = changed("gain", power, Told(1.0), decibels=20, values="wave")
    assert torch.allclose(stereo, 10 * power)


def test_noise_has_its_scale() -> None:
    view = counted(2, 3)
    got = changed("noise", view, Told(*range(6)), scale=0.5)
    assert torch.allclose(got, 1.5 * view)


def test_jitter_takes_steps_from_nearby() -> None:
    view = counted(5, 2)
    # one before, itself, one after, one after, one after: over the ends there is none
    got = changed("jitter", view, Told(0.1, 0.5, 0.9, 0.9, 0.9), steps=1)
    assert torch.equal(got, view[[0, 1, 3, 4, 4]])


def test_dropped_tokens_are_padding() -> None:
    view = torch.tensor([4.0, 7.0, 2.0, 0.0], dtype=torch.float64)
    got = changed("token_dropout", view, Told(0.05, 0.5, 0.05, 0.05))
    assert got.tolist() == [0, 7, 0, 0]


NOTHING = {
    "color": {"brightness": 0, "contrast": 0, "saturation": 0},
    "spec_augment": {"bands": 0, "time": 0},
}


@pytest.mark.parametrize("name", plugins("augmentations"))
def test_a_strength_of_zero_changes_nothing(name: str) -> None:
    """So that a sweep can search whether an augmentation helps."""
    plugin = plugins("augmentations")[name]
    first = next(option for option in plugin.model_fields if option != "name")
    options = NOTHING.get(name, {first: 0})
    for shape in ((9,), (9, 8), (3, 9, 8)):
        if not plugin(**options).misfit(shape):  # type: ignore[attr-defined]
            draws = Draws([stream(0, "some")], 1, torch.float64)
            assert torch.allclose(changed(name, counted(*shape), draws, **options), counted(*shape))
