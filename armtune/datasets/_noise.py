"""Noise for spoken digits, at a stated signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from armtune.data.formats.numpy_files import ArrayStore
from armtune.data.formats.sound import LENGTH, RATE, Waves, log_mel, mean_pool, unit_power
from armtune.errors import DataError

TALKERS = 4
"""Recordings summed to make babble."""
BATCH = 500
"""Waves transformed at once: 500 need about 100 MB."""

Noise = Callable[[np.random.Generator, NDArray[np.int64]], Waves]
"""``noise(rng, own)``: for each recording number in ``own`` a wave of unit power."""


def _ordered(range_db: list[float]) -> list[float]:
    if range_db[0] > range_db[1]:
        raise ValueError(f"should be [lowest, highest], got {range_db}")
    return range_db


SnrRange = Annotated[
    list[Annotated[float, Field(ge=-60, le=60)]],
    Field(min_length=2, max_length=2),
    AfterValidator(_ordered),
]
"""Lowest and highest signal-to-noise ratio in dB."""


def noise_of(kind: str, waves: Waves, recorded: NDArray[np.int16] | None = None) -> Noise | None:
    """The noise that a recipe names: none, white, babble of ``waves``, or ``recorded`` clips."""
    if kind == "clips":
        assert recorded is not None, "clips come from a file"
        return clips(recorded)
    if kind == "babble":
        return babble(waves)
    return white if kind == "white" else None


def noise_words(kind: str, snr_db: Sequence[float]) -> str:
    """What a description says about noise: ``babble at -10 to 0 dB``."""
    return "no noise" if kind == "none" else f"{kind} at {snr_db[0]:g} to {snr_db[1]:g} dB"


def white(rng: np.random.Generator, own: NDArray[np.int64]) -> Waves:
    """White noise."""
    return unit_power(rng.standard_normal((len(own), LENGTH), np.float32))


def babble(waves: Waves) -> Noise:
    """Babble: the sum of a few other recordings of ``waves``, each from a random moment on."""
    from_any_moment = _seconds(np.concatenate([waves, waves], axis=1))

    def noise(rng: np.random.Generator, own: NDArray[np.int64]) -> Waves:
        total = np.zeros((len(own), LENGTH), np.float32)
        for _ in range(TALKERS):
            other = (own + rng.integers(1, len(waves), len(own))) % len(waves)
            total += from_any_moment[other, rng.integers(0, LENGTH, len(own))]
        return unit_power(total)

    return noise


def clips(recorded: NDArray[np.int16]) -> Noise:
    """Seconds of recorded clips ``(clip, time)``, none much quieter than its clip's loudest."""
    seconds = _seconds(recorded.astype(np.float32))[:, :: RATE // 4]
    power = np.stack([np.mean(clip**2, axis=1) for clip in seconds])
    loud = [np.flatnonzero(row >= row.max() / 10) for row in power]

    def noise(rng: np.random.Generator, own: NDArray[np.int64]) -> Waves:
        clip = rng.integers(0, len(seconds), len(own))
        moment = np.array([rng.choice(loud[c]) for c in clip])
        return unit_power(seconds[clip, moment])

    return noise


def read_clips(path: Path, splits: Sequence[str]) -> dict[str, NDArray[np.int16]]:
    """Noise clips ``(clip, time)`` for each split, none in two of them.

    The ``.npz`` holds clips ``x``, int16 at 8 kHz, and perhaps each clip's ``fold``. The highest
    fold goes to the last split, the next to the one before, the others to the first.

    Raises:
        DataError: the file is damaged or holds something else.
    """
    store = ArrayStore(path)
    sound = store.get("x")
    if sound.ndim != 2 or sound.dtype != np.int16 or sound.shape[1] < LENGTH:
        raise DataError(
            f"{path}: 'x' must be int16 (clip, time) with at least {LENGTH} samples a clip "
            f"(one second at 8 kHz), not {sound.dtype} {sound.shape}"
        )
    fold = store.get("fold") if "fold" in store else np.arange(len(sound)) % 5
    folds = np.unique(fold)
    if fold.shape != (len(sound),) or len(folds) < len(splits):
        raise DataError(f"{path}: 'fold' must number each clip, with {len(splits)} folds or more")
    last = len(folds) - len(splits)
    own = [folds[: last + 1], *folds[last + 1 :, None]]
    clips = sound.astype(np.int16)
    return {split: clips[np.isin(fold, of)] for split, of in zip(splits, own, strict=True)}


def mix(speech: Waves, noise: Waves, snr_db: NDArray[np.float64]) -> Waves:
    """Speech in noise of the stated ratio, for speech and noise of unit power.

    The speech's power is that of the recording itself, without the silence around it; the noise
    fills the second. The sum is brought back to unit power: loudness tells nothing.

    Args:
        speech: ``(n, LENGTH)``.
        noise: ``(n, LENGTH)``.
        snr_db: ``(n,)``.
    """
    gain = 10 ** (-snr_db / 20)
    return unit_power(speech + gain[:, None].astype(np.float32) * noise)


def spectrograms(
    waves: Waves,
    own: NDArray[np.int64],
    noise: Noise | None,
    snr_db: Sequence[float],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Iterator[NDArray[np.float32]]:
    """Batches of spectrograms ``(n, *size)`` of the recordings ``own``, each in its own noise.

    Args:
        waves: the recordings, ``(recording, LENGTH)``, as ``one_second`` gives them.
        own: number of the recording for each sample, ``(sample,)``.
        noise: where noise comes from; None for none.
        snr_db: lowest and highest ratio, drawn uniformly for each sample.
        size: bands and frames after pooling.
        rng: what noise and ratios are drawn from.
    """
    for start in range(0, len(own), BATCH):
        batch = own[start : start + BATCH]
        speech = waves[batch]
        if noise is not None:
            ratio = rng.uniform(snr_db[0], snr_db[1], len(batch))
            speech = mix(speech, noise(rng, batch), ratio)
        yield mean_pool(log_mel(speech), size)


def _seconds(waves: Waves) -> Waves:
    """Every second of every wave, without copying: ``(wave, moment, LENGTH)``."""
    return np.lib.stride_tricks.sliding_window_view(waves, LENGTH, axis=1)
