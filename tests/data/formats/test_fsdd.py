from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from armtune.data.formats.fsdd import SPEAKERS, check_archive, read_recordings
from armtune.data.formats.sound import LENGTH, one_second
from armtune.data.splits import SPLITS
from armtune.errors import DataError


def copy_with(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def test_reads_every_recording_under_its_own_name(
    small_files: Path, recording: Callable[[int, str, int], np.ndarray]
) -> None:
    recordings = read_recordings(small_files / "fsdd.zip")
    assert recordings.waves.shape == (3000, LENGTH)
    for row in (0, 777, 2999):
        digit, speaker, index = recordings.takes[row]
        expected = one_second(recording(digit, speaker, index).astype("<i2"))
        np.testing.assert_array_equal(recordings.waves[row], expected)
        assert recordings.digits[row] == digit


@pytest.mark.parametrize("rule", ["recordings", "speakers"])
def test_no_recording_is_in_two_splits_and_every_split_has_every_digit(
    small_files: Path, rule: str
) -> None:
    recordings = read_recordings(small_files / "fsdd.zip")
    parts = [recordings.part(rule, split) for split in SPLITS]
    takes = [take for part in parts for take in part.takes]
    assert len(takes) == len(set(takes)) == 3000
    assert all(set(part.digits.tolist()) == set(range(10)) for part in parts)


def test_recordings_0_to_4_are_for_test_and_5_to_9_for_validation(small_files: Path) -> None:
    recordings = read_recordings(small_files / "fsdd.zip")
    indices = [{i for _, _, i in recordings.part("recordings", s).takes} for s in SPLITS]
    assert indices == [set(range(10, 50)), set(range(5, 10)), set(range(5))]


def test_speakers_are_apart(small_files: Path) -> None:
    recordings = read_recordings(small_files / "fsdd.zip")
    speakers = [{s for _, s, _ in recordings.part("speakers", split).takes} for split in SPLITS]
    assert [len(names) for names in speakers] == [3, 1, 2]
    assert set.union(*speakers) == set(SPEAKERS)


def test_a_missing_recording_is_named(small_files: Path, tmp_path: Path) -> None:
    path = copy_with(
        small_files / "fsdd.zip",
        tmp_path / "fsdd.zip",
        lambda name, content: None if "4_theo_7." in name or "9_theo" in name else content,
    )
    words = r"51 of 3000 recordings are missing, the first is recordings/4_theo_7\.wav"
    for read in (check_archive, read_recordings):
        with pytest.raises(DataError, match=words):
            read(path)


def test_a_damaged_archive_is_named(small_files: Path, tmp_path: Path) -> None:
    whole = (small_files / "fsdd.zip").read_bytes()
    path = tmp_path / "fsdd.zip"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged zip") as caught:
        check_archive(path)
    assert str(path) in str(caught.value)


def test_damage_inside_a_recording_is_named(small_files: Path, tmp_path: Path) -> None:
    content = bytearray((small_files / "fsdd.zip").read_bytes())
    content[500] ^= 0xFF
    path = tmp_path / "fsdd.zip"
    path.write_bytes(content)
    check_archive(path)
    with pytest.raises(DataError, match="damaged zip") as caught:
        read_recordings(path)
    assert "0_george_0.wav" in str(caught.value)


@pytest.mark.parametrize("wrong", ["rate", "channels", "empty", "no wave"])
def test_a_recording_of_another_kind_is_named(
    small_files: Path, tmp_path: Path, wav_bytes: Callable[..., bytes], wrong: str
) -> None:
    bad = {
        "rate": wav_bytes(np.ones(100), rate=16000),
        "channels": wav_bytes(np.ones(100), channels=2),
        "empty": wav_bytes(np.ones(0)),
        "no wave": b"RIFF",
    }[wrong]
    path = copy_with(
        small_files / "fsdd.zip",
        tmp_path / "fsdd.zip",
        lambda name, content: bad if "3_lucas_11." in name else content,
    )
    with pytest.raises(DataError, match="3_lucas_11.wav"):  # noqa: RUF043
        read_recordings(path)


def test_the_real_archive_is_complete(real: Path) -> None:
    recordings = read_recordings(real / "fsdd.zip")
    assert np.bincount(recordings.digits).tolist() == [300] * 10
    assert np.isfinite(recordings.waves).all()
    assert (np.abs(recordings.waves).max(axis=1) > 0).all()
