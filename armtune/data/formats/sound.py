"""Waves of one second as log-mel spectrograms."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples a second of every wave here."""
LENGTH = RATE
"""Every wave is brought to one second."""
BANDS, FRAMES = 32, 64
WINDOW, HOP = 256, LENGTH // FRAMES
FLOOR = 0.1
"""Added to every mel power (speech has about 100), so that silence is not minus infinity."""
BLOCK = 96
"""Steps that are worked on at a time: as many as a processor's cache holds."""

Waves = NDArray[np.float32]


def one_second(wave: NDArray[np.generic]) -> Waves:
    """A recording at unit power, in the middle of one second of silence (or its middle second).

    Args:
        wave: samples, ``(time,)``; silence stays silence.
    """
    cut = max(0, len(wave) - LENGTH) // 2
    inner = unit_power(wave[None, cut : cut + LENGTH].astype(np.float32))[0]
    start = (LENGTH - len(inner)) // 2
    return np.pad(inner, (start, LENGTH - len(inner) - start))


def unit_power(waves: Waves) -> Waves:
    """Waves ``(n, time)`` scaled to a mean square of 1 each; silence stays silence."""
    power = np.mean(waves**2, axis=1, keepdims=True)
    scaled: Waves = waves / np.sqrt(np.maximum(power, np.float32(1e-12)))
    return scaled


def log_mel(
    waves: Waves, bands: int = BANDS, hop: int = HOP, window: int = WINDOW, rate: int = RATE
) -> NDArray[np.float32]:
    """Log-mel spectrograms, in log10: ``(n, time)`` to ``(n, bands, time // hop)``.

    Args:
        waves: at unit power.
        bands: of the result, evenly spaced in mel up to half the rate.
        hop: samples from one step to the next.
        window: samples that a step looks at.
        rate: samples a second.
    """
    return _log_mel(waves, bands, hop, window, rate).swapaxes(1, 2)


def pooled_log_mel(
    waves: Waves, bands: int, steps: int, hop: int, window: int, rate: int
) -> NDArray[np.float32]:
    """As ``log_mel``, each of ``steps`` steps the mean over as many of its steps: ``(n, bands,
    steps)``.
    """
    fine = _log_mel(waves, bands, hop, window, rate)
    return fine.reshape(len(waves), steps, -1, bands).mean(axis=2).swapaxes(1, 2)


def _log_mel(waves: Waves, bands: int, hop: int, window: int, rate: int) -> NDArray[np.float32]:
    """``(n, time // hop, bands)``."""
    margin = window - hop
    padded = np.pad(waves, ((0, 0), (margin // 2, margin - margin // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window, axis=1)[:, ::hop]
    taper, filters = np.hanning(window).astype(np.float32), mel_filters(bands, window, rate)
    mel = np.empty((*frames.shape[:2], bands), np.float32)
    for own, out in zip(frames, mel, strict=True):
        for start in range(0, len(own), BLOCK):
            piece = slice(start, start + BLOCK)
            np.matmul(_powers(own[piece] * taper), filters, out=out[piece])
    mel += np.float32(FLOOR)
    logarithm: NDArray[np.float32] = np.log10(mel, out=mel)
    return logarithm


def _powers(frames: Waves) -> NDArray[np.float32]:
    """Squared magnitudes of the frequencies of ``(step, time)``."""
    from scipy.fft import rfft

    parts = rfft(frames, axis=-1).view(np.float32)
    np.multiply(parts, parts, out=parts)
    return np.asarray(parts[:, ::2] + parts[:, 1::2])


@lru_cache(maxsize=8)
def mel_filters(bands: int = BANDS, window: int = WINDOW, rate: int = RATE) -> NDArray[np.float32]:
    """Triangular filters, evenly spaced in mel from 0 to ``rate / 2``: ``(bin, bands)``."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(window, 1 / rate)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def mean_pool(planes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Means over equal blocks: ``(n, height, width)`` to ``(n, *size)``."""
    n, height, width = planes.shape
    blocks = planes.reshape(n, size[0], height // size[0], size[1], width // size[1])
    pooled: NDArray[np.float32] = blocks.mean(axis=(2, 4))
    return pooled
