"""Files of sound, images, video and arrays as arrays of one shape.

Needs the extra ``armtune[media]``: soundfile reads WAV and FLAC, Pillow images, and PyAV video
and the sound in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.images import DamagedPictureError, read_picture
from armtune.data.formats.numpy_files import UNREADABLE
from armtune.data.formats.sound import pooled_log_mel, unit_power
from armtune.errors import DataError

if TYPE_CHECKING:
    from av import AudioFrame, Packet, VideoFrame

Kind = Literal["sound", "image", "video", "array"]

SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "sound": (".wav", ".flac"),
    "image": (".jpg", ".jpeg", ".png"),
    "video": (".mp4", ".avi", ".flv"),
    "array": (".npy",),
}
"""What files of each kind are called, in small letters."""
MEDIA_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
"""All of them."""
STEP = 0.01
"""Seconds from one spectrum to the next, about; they are averaged to the steps asked for."""
WINDOW = 0.032
"""Seconds that a spectrum looks at, about."""

CONTAINERS = (
    "mov", "avi", "flv", "matroska", "webm", "mpegts", "mpeg", "mpegvideo", "m4v", "asf", "ogg",
    "mp3", "aac", "wav", "w64", "flac", "aiff", "au", "caf", "amr", "gif",
)  # fmt: skip
"""Formats of film and sound that are opened, as FFmpeg calls them, whatever a file's name is."""

HEADERS = Lock()
"""Held while an array's header is parsed: Python 3.11's parser fails in several threads at once."""


RATES = range(100, 1_000_001)
"""Rates of sound in Hz; a header that says another one is damaged."""
MOST_SAMPLES = 1 << 29
"""Of a file of sound at the rate that is wanted: nine hours at 16 kHz."""
LOUDEST = 1e9
"""Where 1 is full scale; whole numbers of 24 bits may have been stored as they are."""
MOST_STEPS = 50_000
"""Between which sound is resampled: rates up to so many Hz are exact."""


class DamagedMediaError(DataError):
    """A file of sound, video or an array can't be read; others perhaps can."""


DAMAGED = (DamagedPictureError, DamagedMediaError)


@dataclass(frozen=True)
class Shape:
    """What files are brought to.

    Attributes:
        side: of images and frames, in pixels.
        frames: taken from a video, evenly.
        spectrogram: bands and steps; None where sound stays a wave.
        seconds: of sound: the middle of longer ones, shorter ones padded by silence.
        rate: of the sound, in Hz.
    """

    side: int
    frames: int
    spectrogram: tuple[int, int] | None
    seconds: float
    rate: int


def decode(path: Path, kind: Kind, shape: Shape) -> NDArray[Any]:
    """A file as an array.

    Images are ``(3, side, side)`` and videos ``(frames, 3, side, side)``, uint8; sound (a video's
    too) is a log-mel spectrogram ``(bands, steps)`` or a wave ``(time,)`` from -1 to 1, and an
    array is as it is, both float32.

    Raises:
        DamagedPictureError, DamagedMediaError: the file is missing or damaged; names it.
        DataError: a library isn't installed; names the extra.
    """
    if kind == "image":
        return read_picture(path, shape.side)
    if kind == "video":
        return read_frames(path, shape.frames, shape.side)
    if kind == "array":
        return read_array(path)
    wave = read_sound(path, shape.rate)
    return whole_wave(wave, shape) if shape.spectrogram is None else spectrogram(wave, shape)


def kind_of(path: Path) -> Kind:
    """What a file holds, by its name's end.

    Raises:
        DataError: no kind's files are called so.
    """
    for kind, suffixes in SUFFIXES.items():
        if path.suffix.lower() in suffixes:
            return kind
    raise DataError(f"{path}: of no kind that can be read ({', '.join(MEDIA_SUFFIXES)})")


def read_array(path: Path) -> NDArray[np.float32]:
    """The array of an ``.npy`` file, as float32.

    Raises:
        DamagedMediaError: it is missing, damaged, or holds other than finite real numbers.
    """
    with _naming(path, UNREADABLE), path.open("rb") as file:
        with HEADERS:
            array = np.load(file, allow_pickle=False)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            raise ValueError("must hold finite real numbers")
        with np.errstate(over="ignore"):
            numbers = np.atleast_1d(array).astype(np.float32)
        if not np.isfinite(numbers).all():
            raise ValueError("must hold finite real numbers that fit into float32")
    return numbers


def read_sound(path: Path, rate: int) -> NDArray[np.float32]:
    """A file's sound, its channels averaged, ``(time,)`` at ``rate`` Hz.

    Raises:
        DamagedMediaError: the file is missing, damaged or silent for want of a sound track.
        DataError: the library isn't installed.
    """
    if path.suffix.lower() not in SUFFIXES["sound"]:
        return _sound_track(path, rate)
    soundfile = _library("soundfile")
    errors = (MemoryError, OSError, soundfile.SoundFileError)
    with _naming(path, errors), soundfile.SoundFile(path) as file:
        own, count = file.samplerate, file.frames
        if own not in RATES or count * max(rate, file.channels * own) > MOST_SAMPLES * own:
            raise DamagedMediaError(f"{path}: damaged: {count} samples at {own} Hz are no sound")
        wave = file.read(dtype="float32")
    if not len(wave) or not np.isfinite(wave).all():
        raise DamagedMediaError(f"{path}: has no sound, or NaN in it")
    if (loudest := max(wave.max(), -wave.min())) > LOUDEST:
        raise DamagedMediaError(f"{path}: damaged: values up to {loudest:g} are no sound")
    return _resampled(wave if wave.ndim == 1 else wave.mean(axis=1), own, rate)


def read_frames(path: Path, count: int, side: int) -> NDArray[np.uint8]:
    """Frames evenly over a video's time, ``(count, 3, side, side)``.

    Each is what is seen in the middle of its share of the video, turned as the file says, scaled
    by its shorter side and cut square. A video of fewer frames gives some of them more than once.

    Raises:
        DamagedMediaError: the file is missing, damaged or without a picture; names it.
        DataError: the library isn't installed.
    """
    av = _library("av")
    with _naming(path, (av.FFmpegError, OSError, ValueError)):
        with _opened(av, path) as file:
            if not file.streams.video:
                raise DamagedMediaError(f"{path}: has no picture")
            wanted = _evenly(list(file.demux(file.streams.video[0])), count)
        with _opened(av, path) as file:
            pictures = [_squared(frame, side) for frame in _picked(file, wanted)]
    if not pictures:
        raise DamagedMediaError(f"{path}: has no frame that can be read")
    pictures += pictures[-1:] * (count - len(pictures))
    return np.moveaxis(np.stack(pictures), 3, 1)


def whole_wave(wave: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
    """``shape.seconds`` of sound ``(time,)``: its middle, or silence around it."""
    length = round(shape.rate * shape.seconds)
    cut = max(0, len(wave) - length) // 2
    inner = wave[cut : cut + length]
    before = (length - len(inner)) // 2
    return np.pad(inner, (before, length - len(inner) - before))


def spectrogram(wave: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
    """The log-mel spectrogram of sound ``(time,)`` at ``shape.rate``, ``shape.spectrogram``."""
    assert shape.spectrogram is not None, "sound stays a wave"
    bands, steps = shape.spectrogram
    whole = shape.rate * shape.seconds
    finer = max(1, round(shape.seconds / steps / STEP))
    hop = max(1, round(whole / steps / finer))
    length = hop * finer * steps
    cut = max(0, len(wave) - length) // 2
    inner = unit_power(wave[None, cut : cut + length])
    before = (length - inner.shape[1]) // 2
    padded = np.pad(inner, ((0, 0), (before, length - inner.shape[1] - before)))
    window = max(2 * hop, 1 << round(np.log2(WINDOW * shape.rate)))
    return pooled_log_mel(padded, bands, steps, hop, window, shape.rate)[0]


def _evenly(packets: Sequence[Packet[Any]], count: int) -> list[int]:
    """Numbers of the frames that are seen in the middle of equal shares of a video's time."""
    shown = [packet for packet in packets if packet.size and not packet.is_discard]
    times = _times(shown)
    if not times:
        return []
    gaps = sorted(after - before for before, after in pairwise(times) if after > before)
    # The last frame is seen for as long as the others as a rule.
    length = times[-1] - times[0] + (gaps[len(gaps) // 2] if gaps else 1)
    # In whole numbers, so that the middle between two frames is nobody's guess.
    begun = [2 * count * (time - times[0]) for time in times]
    return [bisect_right(begun, (2 * k + 1) * length) - 1 for k in range(count)]


def _times(packets: Sequence[Packet[Any]]) -> list[int]:
    """When each frame is shown, in the order shown; numbers where the file doesn't say."""
    for times in ([p.pts for p in packets], [p.dts for p in packets]):
        known = [time for time in times if time is not None]
        if len(known) == len(packets):
            return sorted(known)
    return list(range(len(packets)))


def _picked(file: Any, wanted: list[int]) -> Iterator[VideoFrame]:
    """The frames of these rising numbers; nothing is decoded after the last."""
    stream = file.streams.video[0]
    stream.thread_type = "AUTO"
    left = list(wanted)
    for number, frame in enumerate(file.decode(stream)):
        while left and left[0] == number:
            yield frame
            left.pop(0)
        if not left:
            return


def _squared(frame: VideoFrame, side: int) -> NDArray[np.uint8]:
    shorter = min(frame.width, frame.height)
    width, height = (max(side, round(n * side / shorter)) for n in (frame.width, frame.height))
    scaled = frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()
    top, left = (height - side) // 2, (width - side) // 2
    square = scaled[top : top + side, left : left + side]
    return np.asarray(_turned(square, frame.side_data.get("DISPLAYMATRIX")), np.uint8)


def _turned(square: NDArray[Any], matrix: Any) -> NDArray[Any]:
    """A square picture turned and mirrored by a video's display matrix, by right angles.

    Its first numbers a, b, u, c, d say that what was at (x, y) is shown at (ax + cy, bx + dy).
    """
    if matrix is None:
        return square
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(np.int64)
    if abs(b) > abs(a):
        square, a, d = square.swapaxes(0, 1), c, b
    return square[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _sound_track(path: Path, rate: int) -> NDArray[np.float32]:
    av = _library("av")
    errors = (av.FFmpegError, OSError, ValueError)
    with _naming(path, errors), _opened(av, path) as file:
        tracks = file.streams.audio
        if not tracks:
            raise DamagedMediaError(f"{path}: has no sound track")
        pieces = list(_mono(file.decode(tracks[0]), rate, av))
    if not pieces:
        raise DamagedMediaError(f"{path}: its sound track is empty")
    return np.concatenate(pieces)


def _mono(frames: Iterable[AudioFrame], rate: int, av: ModuleType) -> Iterator[NDArray[np.float32]]:
    """Frames of sound as pieces ``(time,)`` of one channel; their own rate or layout may change."""
    for _, alike in groupby(frames, lambda f: (f.format.name, f.layout.name, f.sample_rate)):
        resampler = av.AudioResampler("flt", "mono", rate)
        for frame in (*alike, None):
            yield from (piece.to_ndarray()[0] for piece in resampler.resample(frame))


def _resampled(wave: NDArray[np.float32], own: int, rate: int) -> NDArray[np.float32]:
    if own == rate:
        return wave
    from scipy.signal import resample_poly

    # The filter is as long as the larger of the two: of odd rates the nearest that isn't.
    ratio = Fraction(rate, own).limit_denominator(MOST_STEPS)
    resampled: NDArray[np.float32] = resample_poly(wave, ratio.numerator, ratio.denominator)
    return resampled.astype(np.float32)


def _opened(av: ModuleType, path: Path) -> Any:
    """A file of film or sound, which holds all that is read: no list of other files is followed."""
    return av.open(str(path), options={"format_whitelist": ",".join(CONTAINERS)})


def _library(name: str) -> ModuleType:
    """A library of the extra.

    Raises:
        DataError: it isn't installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise DataError(
            f"reading sound and video needs {name}: pip install 'armtune[media]'"
        ) from error


@contextmanager
def _naming(path: Path, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turns what a library says about a damaged file into an error that names it."""
    try:
        yield
    except errors as error:
        reason = getattr(error, "strerror", None) or str(error).split(" '")[0]
        raise DamagedMediaError(f"{path}: missing or damaged ({reason})") from error
