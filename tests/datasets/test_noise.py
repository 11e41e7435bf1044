from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from armtune.data.formats.sound import LENGTH, RATE, Waves, log_mel, unit_power
from armtune.datasets._noise import (
    BATCH,
    SnrRange,
    babble,
    clips,
    mix,
    noise_of,
    read_clips,
    spectrograms,
    white,
)
from armtune.errors import DataError

SPLITS = ("train", "validation", "test")


def tones(count: int) -> Waves:
    """A different whole number of hertz for each wave: they are orthogonal over a second."""
    time = np.arange(LENGTH) / RATE
    frequency = 200 + 100 * np.arange(count)[:, None]
    return (np.sqrt(2) * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 7.0])
def test_the_mixture_has_the_stated_ratio(snr_db: float) -> None:
    speech, noise = tones(2)[:1], tones(2)[1:]
    mixed = mix(speech, noise, np.array([snr_db]))[0]
    speech_part, noise_part = mixed @ speech[0], mixed @ noise[0]
    assert 20 * np.log10(speech_part / noise_part) == pytest.approx(snr_db, abs=1e-3)
    assert np.mean(mixed**2) == pytest.approx(1, rel=1e-4)


def test_each_sample_has_its_own_ratio_within_the_range() -> None:
    waves, own = tones(1), np.zeros(2000, np.int64)
    ratios = []

    def spy(rng: np.random.Generator, batch: np.ndarray) -> Waves:
        return np.broadcast_to(tones(2)[1], (len(batch), LENGTH))

    levels = np.concatenate(
        list(spectrograms(waves, own, spy, [-10, 0], (32, 64), np.random.default_rng(0)))
    )
    for snr in (-10.0, 0.0):
        ends = log_mel(mix(waves, tones(2)[1:], np.array([snr])))[0]
        ratios.append(ends[3, 30])
    assert ratios[0] <= levels[:, 3, 30].min() < levels[:, 3, 30].max() <= ratios[1]
    assert len(np.unique(levels[:, 3, 30])) > 1500


@pytest.mark.parametrize("kind", ["white", "babble", "clips"])
def test_noise_has_unit_power_and_comes_from_its_generator(kind: str) -> None:
    recorded = np.random.default_rng(0).integers(-900, 900, (7, 3 * RATE)).astype(np.int16)
    noise = noise_of(kind, tones(9), recorded)
    assert noise is not None
    own = np.arange(9)
    first, again, other = (noise(np.random.default_rng(seed), own) for seed in (1, 1, 2))
    np.testing.assert_allclose(np.mean(first**2, axis=1), 1, rtol=1e-3)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_babble_never_holds_the_recording_it_hides() -> None:
    waves = tones(6)
    own = np.repeat(np.arange(6), 50)
    spectrum = np.abs(np.fft.rfft(babble(waves)(np.random.default_rng(0), own), axis=1))
    levels = spectrum[:, 200 + 100 * np.arange(6)] / (LENGTH / 2)
    assert levels[np.arange(len(own)), own].max() < 1e-3
    assert all(levels[own == k].max() > 0.5 for k in range(6))


def test_clips_skip_silent_moments() -> None:
    recorded = np.zeros((1, 5 * RATE), np.int16)
    recorded[0, 2 * RATE : 2 * RATE + 100] = 1000
    noise = clips(recorded)(np.random.default_rng(0), np.zeros(200, np.int64))
    np.testing.assert_allclose(np.mean(noise**2, axis=1), 1, rtol=1e-3)


def test_white_noise_is_flat() -> None:
    noise = white(np.random.default_rng(0), np.arange(400))
    power = (np.abs(np.fft.rfft(noise, axis=1)) ** 2).mean(axis=0)[1:-1] / LENGTH
    assert power.min() > 0.7
    assert power.max() < 1.3


def test_without_noise_spectrograms_are_those_of_the_recordings() -> None:
    waves, own = tones(3), np.arange(BATCH + 7) % 3
    batches = list(spectrograms(waves, own, None, [0, 0], (32, 64), np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [BATCH, 7]
    np.testing.assert_allclose(batches[1], log_mel(waves)[own[BATCH:]], atol=1e-5)


def test_a_silent_wave_stays_finite() -> None:
    silent = np.zeros((1, LENGTH), np.float32)
    assert np.isfinite(log_mel(mix(silent, unit_power(silent), np.zeros(1)))).all()


def save_clips(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_clips_keep_folds_apart(tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.int16)[:, None].repeat(LENGTH, axis=1)
    path = save_clips(tmp_path / "clips.npz", x=x, fold=np.array([1, 5, 3, 1, 4, 2]))
    first = {split: c[:, 0].tolist() for split, c in read_clips(path, SPLITS).items()}
    assert first == {"train": [0, 2, 3, 5], "validation": [4], "test": [1]}


def test_clips_without_folds_are_kept_apart_too(tmp_path: Path) -> None:
    x = np.arange(10, dtype=np.int16)[:, None].repeat(LENGTH, axis=1)
    parts = read_clips(save_clips(tmp_path / "clips.npz", x=x), SPLITS)
    first = [set(part[:, 0].tolist()) for part in parts.values()]
    assert [len(part) for part in first] == [6, 2, 2]
    assert len(set.union(*first)) == 10


SECOND = np.zeros((4, LENGTH), np.int16)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": SECOND}, "no array 'x'; it has y"),
        ({"x": SECOND.astype(np.float32)}, "not float32"),
        ({"x": SECOND[:, :500]}, r"not int16 \(4, 500\)"),
        ({"x": SECOND[0]}, "'x' must be int16"),
        ({"x": SECOND, "fold": np.array([1, 2, 1, 2])}, "3 folds or more"),
        ({"x": SECOND, "fold": np.array([1, 2, 3])}, "must number each clip"),
        ({"x": np.array([None])}, "Python objects"),
        ({"x": np.array(1)}, "'x' must be int16"),
    ],
)
def test_wrong_clips_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    path = save_clips(tmp_path / "clips.npz", **arrays)
    with pytest.raises(DataError, match=words) as caught:
        read_clips(path, SPLITS)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clips.npz"
    for content in (b"", b"no zip", b"PK\x03\x04 broken"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged|not numpy"):
            read_clips(path, SPLITS)


@pytest.mark.parametrize("wrong", [[0.0, -10.0], [0.0], [-100.0, 0.0], [0, 1, 2]])
def test_a_wrong_range_is_refused(wrong: list[float]) -> None:
    class Options(BaseModel):
        snr_db: SnrRange

    with pytest.raises(ValidationError):
        Options(snr_db=wrong)
