"""Stand-ins for the files of AV-MNIST: the right formats, few and short contents."""

from __future__ import annotations

import gzip
import io
import wave
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from armtune.data.formats import fsdd
from armtune.datasets import avmnist

TRAIN_IMAGES, TEST_IMAGES = 5600, 150


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a cache of its own, finds no data by chance and downloads nothing."""
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ARMTUNE_OFFLINE", "1")
    monkeypatch.delenv("ARMTUNE_DATA", raising=False)
    return tmp_path / "cache"


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.astype(np.uint8).tobytes(), 1)


def wav_bytes(samples: np.ndarray, rate: int = 8000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setframerate(rate)
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def recording(digit: int, speaker: str, index: int) -> np.ndarray:
    """A tone for the digit, with a trace of speaker and index: no two recordings are equal."""
    number = fsdd.SPEAKERS.index(speaker) * 50 + index
    time = np.arange(600 + number) / 8000
    return 8000 * np.sin(2 * np.pi * (300 + 300 * digit) * time) + 40 * number * np.sin(time * 9000)


def write_recordings(path: Path, top: str = "free-spoken-digit-dataset-1.0.10/") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for digit in range(10):
            for speaker in fsdd.SPEAKERS:
                for index in range(50):
                    content = wav_bytes(recording(digit, speaker, index))
                    archive.writestr(f"{top}recordings/{digit}_{speaker}_{index}.wav", content)


def write_images(folder: Path, part: str, count: int) -> None:
    rng = np.random.default_rng(count)
    labels = np.arange(count) % 10
    base = np.random.default_rng(0).integers(0, 150, (10, 28, 28))
    images = base[labels] + rng.integers(0, 100, (count, 28, 28))
    (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(idx_bytes(images))
    (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx_bytes(labels))


@pytest.fixture(scope="session")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write_images(folder, "train", TRAIN_IMAGES)
    write_images(folder, "t10k", TEST_IMAGES)
    write_recordings(folder / "fsdd.zip")
    return folder


@pytest.fixture
def small(small_files: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., avmnist.AvMnist]:
    """AV-MNIST over the small files, with a few pairs; takes further options."""
    unchecked = [replace(s, check=lambda path: None) for s in avmnist.SOURCES]
    monkeypatch.setattr(avmnist, "SOURCES", unchecked)

    def options(**more: object) -> avmnist.AvMnist:
        few = {"train_pairs": 400, "validation_pairs": 120, "test_pairs": 100}
        return avmnist.AvMnist.model_validate({"root": str(small_files), **few, **more})

    return options


# Tests get these by name, since test modules can't import one another.
@pytest.fixture(name="recording")
def _recording() -> Callable[[int, str, int], np.ndarray]:
    return recording


@pytest.fixture(name="wav_bytes")
def _wav_bytes() -> Callable[..., bytes]:
    return wav_bytes
