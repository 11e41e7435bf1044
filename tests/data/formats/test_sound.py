from __future__ import annotations

import numpy as np
import pytest

from armtune.data.formats.sound import (
    BANDS,
    FRAMES,
    LENGTH,
    RATE,
    log_mel,
    mean_pool,
    mel_filters,
    one_second,
)


def tone(frequency: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(LENGTH) / RATE).astype(np.float32)


def test_a_short_recording_lies_in_the_middle_at_unit_power() -> None:
    wave = one_second(np.full(1000, 7, np.int16))
    inside = slice(3500, 4500)
    assert np.flatnonzero(wave).tolist() == list(range(3500, 4500))
    assert np.mean(wave[inside] ** 2) == pytest.approx(1)


def test_a_long_recording_loses_its_ends() -> None:
    samples = np.zeros(LENGTH + 600, np.int16)
    samples[300] = samples[-301] = 100
    wave = one_second(samples)
    assert wave.shape == (LENGTH,)
    assert np.flatnonzero(wave).tolist() == [0, LENGTH - 1]


def test_silence_stays_silence() -> None:
    assert not one_second(np.zeros(500, np.int16)).any()


def test_every_mel_filter_hears_something_and_they_rise() -> None:
    filters = mel_filters()
    assert filters.shape == (129, BANDS)
    assert (filters.sum(axis=0) > 0).all()
    assert (np.diff(filters.argmax(axis=0)) >= 0).all()
    # Neighbouring triangles overlap to a constant between the first and the last centre.
    inner = filters[2:120].sum(axis=1)
    np.testing.assert_allclose(inner, 1, atol=1e-6)


@pytest.mark.parametrize("frequency", [250, 1000, 3000])
def test_a_tone_is_loudest_in_its_own_band(frequency: float) -> None:
    spectrogram = log_mel(tone(frequency)[None])[0]
    mel = 2595 * np.log10(1 + frequency / 700)
    band = mel / (2595 * np.log10(1 + 4000 / 700)) * (BANDS + 1) - 1
    assert spectrogram.shape == (BANDS, FRAMES)
    assert spectrogram.dtype == np.float32
    assert abs(spectrogram[:, FRAMES // 2].argmax() - band) <= 1


def test_a_click_is_loudest_in_its_own_frame() -> None:
    clicks = np.zeros((FRAMES, LENGTH), np.float32)
    moments = np.arange(FRAMES) * LENGTH // FRAMES + LENGTH // FRAMES // 2
    clicks[np.arange(FRAMES), moments] = 100
    loudest = log_mel(clicks).mean(axis=1).argmax(axis=1)
    assert loudest.tolist() == list(range(FRAMES))


def test_spectrograms_do_not_depend_on_the_batch() -> None:
    waves = np.random.default_rng(0).normal(size=(5, LENGTH)).astype(np.float32)
    alone = np.concatenate([log_mel(wave[None]) for wave in waves])
    np.testing.assert_allclose(log_mel(waves), alone, atol=1e-5)


def test_mean_pool_takes_means_of_blocks() -> None:
    planes = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert mean_pool(planes, (2, 1)).tolist() == [[[3.5], [11.5]]]
