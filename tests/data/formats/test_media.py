"""Decoding of real formats, a second each at most."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from armtune.data.formats import media
from armtune.data.formats.media import (
    DAMAGED,
    Shape,
    decode,
    kind_of,
    read_frames,
    read_sound,
    spectrogram,
)
from armtune.errors import DataError
from tests.datasets import media_files as files

SHAPE = Shape(side=16, frames=2, spectrogram=(16, 8), seconds=0.5, rate=8000)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_sound_is_what_was_written(tmp_path: Path, name: str) -> None:
    files.write_sound(tmp_path / name, 1, 0)
    np.testing.assert_allclose(read_sound(tmp_path / name, 8000), files.tone(1, 0), atol=1e-4)


def pitch(wave: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave))


@pytest.mark.parametrize("name", ["a.wav", "a.mp4", "a.avi", "a.flv"])
def test_sound_is_resampled_and_keeps_its_pitch(tmp_path: Path, name: str) -> None:
    write = files.write_sound if name == "a.wav" else files.write_video
    write(tmp_path / name, 1, 0)
    wave = read_sound(tmp_path / name, 5000)
    assert len(wave) / 5000 == pytest.approx(0.55, abs=0.1)
    assert pitch(wave, 5000) == pytest.approx(800, abs=10)


def test_channels_are_averaged(tmp_path: Path) -> None:
    import soundfile

    left = files.tone(0, 0)
    soundfile.write(tmp_path / "a.wav", np.stack([left, 0 * left], axis=1), files.RATE)
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", 8000), left / 2, atol=1e-4)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 3.0])
def test_a_spectrogram_has_its_shape_and_peak(seconds: float) -> None:
    shape = Shape(16, 1, (32, 16), seconds, 8000)
    low, high = (spectrogram(files.tone(label, 0), shape) for label in (0, 2))
    assert low.shape == high.shape == (32, 16)
    assert low[:, 8].argmax() < high[:, 8].argmax()


def test_short_sound_stands_in_the_middle_of_silence() -> None:
    plane = spectrogram(files.tone(0, 0), Shape(16, 1, (16, 8), 2.0, 8000)).max(axis=0)
    assert plane[3:5].min() > plane[[0, 1, 6, 7]].max()


@pytest.mark.parametrize("seconds", [0.1, 0.25, 2.0])
def test_a_wave_stays_what_it_is(tmp_path: Path, seconds: float) -> None:
    files.write_sound(tmp_path / "a.wav", 1, 0)
    whole = read_sound(tmp_path / "a.wav", 8000)
    wave = decode(tmp_path / "a.wav", "sound", Shape(16, 1, None, seconds, 8000))
    assert wave.shape == (round(8000 * seconds),)
    assert wave.dtype == np.float32
    before = (len(wave) - len(whole)) // 2
    if before > 0:
        np.testing.assert_array_equal(wave[before : before + len(whole)], whole)
        assert not wave[:before].any()
    else:
        cut = (len(whole) - len(wave)) // 2
        np.testing.assert_array_equal(wave, whole[cut : cut + len(wave)])


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.flv"])
def test_frames_are_taken_evenly(tmp_path: Path, name: str) -> None:
    files.write_video(tmp_path / name, 2, 1, frames=9)
    three = read_frames(tmp_path / name, 3, 16)
    assert three.shape == (3, 3, 16, 16)
    assert three.dtype == np.uint8
    means = three.mean(axis=(0, 2, 3))
    assert means[2] > means[:2].max() + 100
    every = read_frames(tmp_path / name, 9, 16)
    np.testing.assert_array_equal(three, every[[1, 4, 7]])


def test_a_video_of_few_frames_repeats_them(tmp_path: Path) -> None:
    files.write_video(tmp_path / "a.avi", 0, 0, frames=2)
    four = read_frames(tmp_path / "a.avi", 4, 16)
    np.testing.assert_array_equal(four[0], four[1])
    np.testing.assert_array_equal(four[2], four[3])
    assert not np.array_equal(four[0], four[2])


def shade(value: int) -> np.ndarray:
    return np.full((32, 32, 3), value, np.uint8)


def test_frames_are_what_is_seen_at_their_times(tmp_path: Path) -> None:
    # Ten frames in the first second, then two in nine seconds.
    pictures = [shade(20 * k) for k in range(10)] + [shade(210), shade(250)]
    files.write_film(tmp_path / "a.mp4", pictures, [*range(10), 10, 55])
    times = read_frames(tmp_path / "a.mp4", 5, 16).mean(axis=(1, 2, 3))
    # The last lasts as long as the others as a rule: the middles are 0.56, 1.68 … seconds.
    np.testing.assert_allclose(times, [100, 210, 210, 210, 210], atol=6)
    many = read_frames(tmp_path / "a.mp4", 56, 16).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(many, [*range(0, 200, 20), *[210] * 45, 250], atol=6)


@pytest.mark.parametrize(
    ("matrix", "corners"),
    [
        ((1, 0, 0, 1), (250, 120, 0, 0)),
        ((0, 1, -1, 0), (0, 250, 0, 120)),  # a quarter clockwise
        ((-1, 0, 0, -1), (0, 0, 120, 250)),
        ((0, -1, 1, 0), (120, 0, 250, 0)),
        ((-1, 0, 0, 1), (120, 250, 0, 0)),  # mirrored
        ((0, 1, 1, 0), (250, 0, 120, 0)),
    ],
)
def test_a_film_is_turned_as_it_is_shown(
    tmp_path: Path, matrix: tuple[int, int, int, int], corners: tuple[int, ...]
) -> None:
    picture = shade(0)
    picture[:16, :16], picture[:16, 16:] = 250, 120
    files.write_film(tmp_path / "a.mp4", [picture] * 3, [0, 1, 2])
    files.turn(tmp_path / "a.mp4", *matrix)
    [frame] = read_frames(tmp_path / "a.mp4", 1, 16)
    found = frame[0].astype(int)[[3, 3, 12, 12], [3, 12, 3, 12]]
    np.testing.assert_allclose(found, corners, atol=8)


@pytest.mark.parametrize("first", [(48000, "stereo"), (16000, "mono")])
def test_sound_may_change_its_rate_and_layout(tmp_path: Path, first: tuple[int, str]) -> None:
    files.write_changing_sound(tmp_path / "a.mp4", first, (24000, "mono"), (24000, "stereo"))
    wave = read_sound(tmp_path / "a.mp4", 8000)
    assert len(wave) / 8000 == pytest.approx(1.6, abs=0.15)
    for part in np.array_split(wave, 3):
        assert pitch(part[800:], 8000) == pytest.approx(800, abs=10)


@pytest.mark.parametrize("name", ["a.wav", "a.jpg", "a.mp4", "a.avi", "a.flv", "a.npy"])
@pytest.mark.parametrize("content", [None, b"", b"<html>gone</html>"])
def test_damaged_and_missing_files_are_named(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DAMAGED, match=f"{name}: (missing or damaged|has no)"):
        decode(path, kind_of(path), SHAPE)


def test_a_video_without_sound_is_named(tmp_path: Path) -> None:
    files.write_video(tmp_path / "a.mp4", 0, 0, sound=False)
    with pytest.raises(DataError, match=r"a\.mp4: has no sound track"):
        decode(tmp_path / "a.mp4", "sound", SHAPE)


def test_a_sound_file_called_a_video_has_no_frames(tmp_path: Path) -> None:
    files.write_sound(tmp_path / "a.wav", 0, 0)
    (tmp_path / "a.wav").rename(tmp_path / "a.mp4")
    with pytest.raises(DataError, match=r"a\.mp4: has no picture"):
        decode(tmp_path / "a.mp4", "video", SHAPE)


@pytest.mark.parametrize("array", [np.array([np.nan]), np.array(["a"]), np.array([None])])
def test_arrays_hold_finite_numbers_and_no_objects(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=r"a\.npy: missing or damaged"):
        decode(tmp_path / "a.npy", "array", SHAPE)


def test_other_files_are_refused() -> None:
    with pytest.raises(DataError, match=r"a\.txt: of no kind .*\.wav.*\.npy"):
        kind_of(Path("a.txt"))


@pytest.mark.parametrize(("library", "name"), [("av", "a.mp4"), ("soundfile", "a.wav")])
def test_a_missing_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, library: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DataError, match=rf"needs {library}: pip install 'armtune\[media\]'"):
        decode(Path(name), kind_of(Path(name)), SHAPE)


@pytest.mark.parametrize("rate", [1, 2**31 - 1])
def test_a_rate_of_no_sound_takes_no_memory(tmp_path: Path, rate: int) -> None:
    files.write_sound(tmp_path / "a.wav", 1, 0)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(DAMAGED, match=f"a.wav: damaged: .* samples at {rate} Hz are no sound"):
        read_sound(tmp_path / "a.wav", 16000)


def test_sound_that_cannot_be_squared_is_damaged(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    for loudest, fits in ((1e8, True), (1e30, False)):
        wave = np.array([0.0, -loudest, 0.5 * loudest], np.float32)
        soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
        if fits:
            np.testing.assert_array_equal(read_sound(tmp_path / "a.wav", 8000), wave)
            continue
        with pytest.raises(DAMAGED, match=r"a\.wav: damaged: values up to 1e\+30 are no sound"):
            read_sound(tmp_path / "a.wav", 8000)


@pytest.mark.parametrize("channels", [1, 8])
def test_more_sound_than_fits_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", np.zeros((4000, channels)), 8000)
    monkeypatch.setattr(media, "MOST_SAMPLES", 8000)
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: np.zeros(4000, np.float32))
    if channels == 1:
        assert len(read_sound(tmp_path / "a.flac", 8000)) == 4000
        return
    with pytest.raises(DAMAGED, match=r"a\.flac: damaged: 4000 samples at 8000 Hz are no sound"):
        read_sound(tmp_path / "a.flac", 8000)


def test_odd_rates_take_no_endless_filters(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    rate = 999_983  # a prime
    wave = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    began = time.process_time()
    found = read_sound(tmp_path / "a.wav", 8000)
    assert time.process_time() - began < 2
    assert abs(len(found) - 8000) <= 1
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / 8000)
    # The rate that is taken for this one is off by 17 millionths.
    np.testing.assert_allclose(found[100:-100], expected[100:-100], atol=0.02)


def header(text: str) -> bytes:
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\0" + len(padded).to_bytes(2, "little") + padded.encode()


def archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.ones(3))
    return file.getvalue()


def stored(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


BEGIN = "{'descr': '<f8', 'fortran_order': False, 'shape': "


@pytest.mark.parametrize(
    "content",
    [
        header(BEGIN + "(10000000000000,)}"),
        header(BEGIN + "(" + "9" * 30 + ",)}"),
        header(BEGIN),
        header("((((("),
        archive(),
        stored(np.full(3, 1e300)),
        stored(np.array([1.0, np.inf])),
    ],
    ids=["too many", "far too many", "open", "no header", "archive", "too large", "infinite"],
)
def test_arrays_that_are_not_what_they_say(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DAMAGED, match=r"a\.npy: missing or damaged"):
        media.read_array(tmp_path / "a.npy")


@pytest.mark.parametrize("listed", ["ffconcat version 1.0\nfile film.mp4\n", "#EXTM3U\nfilm.mp4\n"])
def test_a_list_of_films_is_no_film(tmp_path: Path, listed: str) -> None:
    files.write_video(tmp_path / "film.mp4", 1, 0)
    (tmp_path / "a.mp4").write_text(listed)
    for read in (lambda path: read_frames(path, 1, 8), lambda path: read_sound(path, 8000)):
        assert len(read(tmp_path / "film.mp4"))
        with pytest.raises(DAMAGED, match=r"a\.mp4: missing or damaged"):
            read(tmp_path / "a.mp4")
