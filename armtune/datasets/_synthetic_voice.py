"""Digit words spoken by simple synthetic voices.

A source (a buzz for voiced sounds, hiss for the others) goes through resonators whose frequencies
follow the word's phonemes: the classical formant synthesiser, at 8 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.sound import RATE

FRAME, STEP = 160, 40
"""Frames of 20 ms, one each 5 ms."""
BANDWIDTHS = np.array([70.0, 110.0, 160.0])
"""Bandwidths of the three resonators, in Hz."""


class Sound(NamedTuple):
    """A phoneme: length in ms, strength of buzz and hiss, formants and the hiss's band in Hz."""

    length: float
    buzz: float
    hiss: float
    formants: tuple[float, float, float]
    centre: float = 2500.0
    width: float = 800.0


SOUNDS = {
    "ah": Sound(110, 1.0, 0.0, (640, 1190, 2390)),
    "ao": Sound(120, 1.0, 0.0, (570, 840, 2410)),
    "a": Sound(110, 1.0, 0.0, (730, 1150, 2440)),
    "e": Sound(110, 1.0, 0.0, (500, 1850, 2480)),
    "eh": Sound(100, 1.0, 0.0, (530, 1840, 2480)),
    "ih": Sound(90, 1.0, 0.0, (390, 1990, 2550)),
    "iy": Sound(130, 1.0, 0.0, (280, 2250, 2890)),
    "ow": Sound(110, 1.0, 0.0, (480, 920, 2400)),
    "uw": Sound(140, 1.0, 0.0, (310, 870, 2250)),
    "r": Sound(70, 0.7, 0.0, (330, 1150, 1500)),
    "w": Sound(70, 0.6, 0.0, (300, 650, 2200)),
    "n": Sound(90, 0.4, 0.0, (270, 1400, 2300)),
    "v": Sound(60, 0.3, 0.1, (280, 1150, 2300), 2200, 1500),
    "z": Sound(90, 0.3, 0.4, (280, 1600, 2500), 3600, 600),
    "s": Sound(120, 0.0, 0.6, (320, 1600, 2500), 3700, 500),
    "f": Sound(100, 0.0, 0.15, (300, 1150, 2300), 2200, 1800),
    "th": Sound(90, 0.0, 0.12, (320, 1400, 2500), 2900, 1500),
    "-": Sound(55, 0.0, 0.0, (350, 1700, 2600)),
    "t": Sound(35, 0.0, 0.7, (350, 1750, 2600), 3300, 900),
    "k": Sound(40, 0.0, 0.7, (350, 1900, 2500), 2000, 600),
}
WORDS = tuple(
    tuple(SOUNDS[sound] for sound in word.split())
    for word in (
        "z ih r ow",
        "w ah n",
        "- t uw",
        "th r iy",
        "f ao r",
        "f a ih v",
        "s ih - k s",
        "s eh v ah n",
        "e ih - t",
        "n a ih n",
    )
)


@dataclass(frozen=True)
class Voice:
    """A speaker.

    Attributes:
        pitch: in Hz.
        size: factor of all formants; above 1 for shorter vocal tracts.
        pace: factor of all lengths.
        breath: hiss mixed into voiced sounds.
    """

    pitch: float
    size: float
    pace: float
    breath: float


def voices(count: int) -> list[Voice]:
    """Voices from low and large to high and small, each with a pace and breath of its own."""
    steps = np.arange(count) / max(1, count - 1)
    shuffled = np.arange(count) * 0.618 % 1
    return [
        Voice(85 * 2 ** (1.4 * s), 0.92 + 0.26 * s, 0.8 + 0.4 * u, 0.02 + 0.06 * ((3 * u) % 1))
        for s, u in zip(steps.tolist(), shuffled.tolist(), strict=True)
    ]


def say(digit: int, voice: Voice, rng: np.random.Generator) -> NDArray[np.float32]:
    """One utterance, never twice the same: ``(time,)`` at 8 kHz, about half a second."""
    word = [_varied(sound, voice, rng) for sound in WORDS[digit]]
    ends = np.cumsum([sound.length for sound in word]) / 1000
    frames = int(ends[-1] * RATE) // STEP
    at = np.arange(frames) * STEP / RATE
    buzz, hiss, *formants, centre, width = _tracks(word, ends, at)
    frequency = np.fft.rfftfreq(FRAME, 1 / RATE)
    throat = _resonance(frequency, np.stack(formants, axis=1))
    band = np.exp(-0.5 * ((frequency - centre[:, None]) / width[:, None]) ** 2)
    length = (frames - 1) * STEP + FRAME
    voiced = _buzz(length, voice, rng) + voice.breath * rng.standard_normal(length)
    shaped = _spectra(voiced) * throat * buzz[:, None]
    shaped = shaped + _spectra(rng.standard_normal(length)) * band * hiss[:, None]
    return _overlapped(np.fft.irfft(shaped, FRAME, axis=1))


def _varied(sound: Sound, voice: Voice, rng: np.random.Generator) -> Sound:
    scatter = 1 + 0.05 * rng.standard_normal(3)
    first, second, third = (voice.size * np.array(sound.formants) * scatter).tolist()
    return sound._replace(
        length=sound.length * voice.pace * float(rng.uniform(0.8, 1.25)),
        formants=(first, second, third),
    )


def _tracks(
    word: list[Sound], ends: NDArray[np.float64], at: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Buzz, hiss, formants, centre and width over time; each holds in the middle of its sound."""
    lengths = np.array([sound.length for sound in word]) / 1000
    knots = np.stack([ends - 0.75 * lengths, ends - 0.3 * lengths], axis=1).ravel()
    targets = [(s.buzz, s.hiss, *s.formants, s.centre, s.width) for s in word]
    return [np.interp(at, knots, np.repeat(track, 2)) for track in np.array(targets).T]


def _buzz(length: int, voice: Voice, rng: np.random.Generator) -> NDArray[np.float64]:
    """A saw-tooth whose pitch falls through the word and trembles a little."""
    pitch = voice.pitch * rng.uniform(0.9, 1.1) * np.linspace(1.08, 0.88, length)
    knots = np.arange(0, length, STEP)
    tremble = 1 + 0.01 * np.interp(np.arange(length), knots, rng.standard_normal(len(knots)))
    return 2 * (np.cumsum(pitch * tremble / RATE) % 1) - 1


def _resonance(
    frequency: NDArray[np.floating], formants: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gain of three resonators in a row: ``(bin,)`` and ``(frame, 3)`` to ``(frame, bin)``."""
    f, peak = frequency[None, None, :], formants[:, :, None]
    damping = f * BANDWIDTHS[None, :, None]
    gain = peak**2 / np.sqrt((peak**2 - f**2) ** 2 + damping**2)
    return np.asarray(gain.prod(axis=1))


def _spectra(wave: NDArray[np.float64]) -> NDArray[np.complex128]:
    frames = np.lib.stride_tricks.sliding_window_view(wave, FRAME)[::STEP]
    return np.fft.rfft(frames * np.hanning(FRAME), axis=1)


def _overlapped(frames: NDArray[np.float64]) -> NDArray[np.float32]:
    """Frames added up, each ``STEP`` after the one before."""
    parts = FRAME // STEP
    total = np.zeros((len(frames) + parts - 1, STEP))
    for part, piece in enumerate(np.split(frames, parts, axis=1)):
        total[part : part + len(frames)] += piece
    return total.ravel().astype(np.float32)
