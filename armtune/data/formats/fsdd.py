"""The Free Spoken Digit Dataset, read from its zip archive without unpacking it."""

from __future__ import annotations

import io
import re
import wave
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.sound import RATE, Waves, one_second
from armtune.errors import DataError

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGITS, TAKES = 10, 50
NAME = re.compile(r"(?:.*/)?recordings/(\d)_([a-z]+)_(\d+)\.wav")

Take = tuple[int, str, int]
"""Digit, speaker and index, as in ``7_theo_12.wav``."""


@dataclass(frozen=True)
class Recordings:
    """Recorded digits, ordered by digit, speaker and index.

    Attributes:
        takes: digit, speaker and index of each recording.
        waves: one second each, ``(recording, LENGTH)``.
    """

    takes: tuple[Take, ...]
    waves: Waves

    @property
    def digits(self) -> NDArray[np.int64]:
        """Digit of each recording, ``(recording,)``."""
        return np.array([digit for digit, _, _ in self.takes], np.int64)

    def part(self, rule: str, split: str) -> Recordings:
        """The recordings of train, validation or test, kept apart by recordings or by speakers."""
        rows = [i for i, take in enumerate(self.takes) if _split_of(take, rule) == split]
        return Recordings(tuple(self.takes[i] for i in rows), self.waves[rows])


def _split_of(take: Take, rule: str) -> str:
    """By recordings, the data set's own rule (indices 0 to 4 are test); by speakers, 3, 1 and 2."""
    _, speaker, index = take
    if rule == "recordings":
        return "test" if index < 5 else "validation" if index < 10 else "train"
    number = SPEAKERS.index(speaker)
    return "test" if number > 3 else "validation" if number > 2 else "train"


def read_recordings(path: Path) -> Recordings:
    """All 3,000 recordings.

    Raises:
        DataError: the archive is damaged or incomplete, or a recording isn't 8 kHz mono 16 bit.
    """
    with _archive(path) as archive:
        members = sorted(_members(path, archive).items())
        waves = [one_second(_samples(path, archive, member)) for _, member in members]
    return Recordings(tuple(take for take, _ in members), np.stack(waves))


def check_archive(path: Path) -> None:
    """Checks that the archive holds every recording, without reading them.

    Raises:
        DataError: it is damaged or incomplete.
    """
    with _archive(path) as archive:
        _members(path, archive)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path}: damaged zip archive ({error})") from error


def _members(path: Path, archive: zipfile.ZipFile) -> dict[Take, str]:
    found = {}
    for member in archive.namelist():
        if match := NAME.fullmatch(member):
            found[int(match[1]), match[2], int(match[3])] = member
    wanted = [(d, s, i) for d in range(DIGITS) for s in SPEAKERS for i in range(TAKES)]
    missing = [take for take in wanted if take not in found]
    if missing:
        digit, speaker, index = missing[0]
        raise DataError(
            f"{path}: {len(missing)} of {len(wanted)} recordings are missing, "
            f"the first is recordings/{digit}_{speaker}_{index}.wav"
        )
    return {take: found[take] for take in wanted}


def _samples(path: Path, archive: zipfile.ZipFile, member: str) -> NDArray[np.int16]:
    try:
        with wave.open(io.BytesIO(archive.read(member))) as sound:
            layout = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    except (wave.Error, EOFError, ValueError) as error:
        raise DataError(f"{path}: {member} isn't a readable wave file ({error})") from error
    if layout != (RATE, 1, 2) or not len(samples):
        raise DataError(f"{path}: {member} must be 8 kHz, mono, 16 bit and not empty")
    return samples
