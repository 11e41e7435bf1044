from __future__ import annotations

import numpy as np
import pytest

from armtune.data.formats.sound import RATE
from armtune.datasets._synthetic_voice import Voice, say, voices

PLAIN = Voice(pitch=120, size=1.0, pace=1.0, breath=0.02)


def level(wave: np.ndarray, low: float, high: float) -> float:
    """Share of the power between two frequencies."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    frequency = np.fft.rfftfreq(len(wave), 1 / RATE)
    return float(power[(frequency >= low) & (frequency < high)].sum() / power[1:].sum())


@pytest.mark.parametrize("digit", range(10))
def test_words_are_about_half_a_second_long_and_heard(digit: int) -> None:
    wave = say(digit, PLAIN, np.random.default_rng(0))
    assert 0.15 < len(wave) / RATE < 0.8
    assert np.isfinite(wave).all()
    assert wave.std() > 0.1


def test_no_utterance_is_repeated() -> None:
    rng = np.random.default_rng(0)
    assert not np.array_equal(say(4, PLAIN, rng)[:800], say(4, PLAIN, rng)[:800])
    again = [say(4, PLAIN, np.random.default_rng(1)) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_six_hisses_and_one_does_not() -> None:
    rng = np.random.default_rng(0)
    six, one = (np.mean([level(say(d, PLAIN, rng), 3000, 4000) for _ in range(9)]) for d in (6, 1))
    assert six > 5 * one


def test_three_ends_with_a_higher_second_formant_than_four() -> None:
    rng = np.random.default_rng(0)
    three, four = (
        np.mean([level(say(d, PLAIN, rng)[-1200:-400], 1900, 3200) for _ in range(9)])
        for d in (3, 4)
    )
    assert three > 2 * four


def test_a_buzz_has_the_voice_s_pitch() -> None:
    wave = say(1, Voice(pitch=200, size=1.0, pace=2.0, breath=0.0), np.random.default_rng(0))
    middle = wave[len(wave) // 2 - 800 : len(wave) // 2 + 800]
    echo = np.correlate(middle, middle, "full")[1600 - 1 :]
    period = echo[25:80].argmax() + 25
    assert RATE / period == pytest.approx(200, rel=0.15)


def test_voices_differ_in_pitch_size_and_pace() -> None:
    people = voices(10)
    assert len({voice.pace for voice in people}) == 10
    assert people[0].pitch < 100 < 200 < people[-1].pitch
    assert people[0].size < 1 < people[-1].size
