"""Tiny files of sound, images and video in their real formats, and data sets laid out of them."""

from __future__ import annotations

import csv
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

RATE = 8000
CODECS = {".mp4": ("mpeg4", "aac"), ".avi": ("mpeg4", "mp3"), ".flv": ("flv1", "aac")}
EMOTIONS = ("ANG", "HAP", "SAD")
EVENTS = ("Bark", "Church bell", "Truck")


def tone(label: int, number: int) -> np.ndarray:
    """Half a second, the label's pitch; no two are alike."""
    time = np.arange(RATE // 2) / RATE
    noise = np.random.default_rng([label, number]).normal(0, 0.02, len(time))
    return (0.3 * np.sin(2 * np.pi * 400 * (label + 1) * time) + noise).astype(np.float32)


def picture(label: int, number: int) -> np.ndarray:
    """24 × 32 pixels, the label's channel bright."""
    noise = np.random.default_rng([label, number]).integers(0, 60, (24, 32, 3))
    noise[..., label % 3] += 180
    return noise.astype(np.uint8)


def write_sound(path: Path, label: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(label, number), RATE)


def write_image(path: Path, label: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(label, number)).save(path)


def write_video(path: Path, label: int, number: int, sound: bool = True, frames: int = 5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, sound_codec = CODECS[path.suffix]
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        track = file.add_stream(sound_codec, rate=48000) if sound else None
        for k in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(label, 100 * number + k), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if track is not None:
            wave = np.repeat(tone(label, number), 6)[None]
            piece = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            piece.sample_rate = 48000
            resampler = av.AudioResampler(track.format, track.layout, 48000)
            for one in (*resampler.resample(piece), None):
                file.mux(track.encode(one))


def write_film(path: Path, pictures: list[np.ndarray], times: list[int]) -> None:
    """A silent film of pictures that are shown from these times on, in tenths of a second."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 10)
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 10)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def turn(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Gives an MP4's film a display matrix, as a phone that was held upright does."""

    def matrix(*numbers: int) -> bytes:
        a, b, c, d = (number << 16 for number in numbers)
        return np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()

    content = path.read_bytes()
    start = content.index(b"tkhd")
    assert content.count(matrix(1, 0, 0, 1), start) == 1
    changed = content[start:].replace(matrix(1, 0, 0, 1), matrix(a, b, c, d))
    path.write_bytes(content[:start] + changed)


def write_changing_sound(path: Path, *parts: tuple[int, str]) -> None:
    """Half a second of 800 Hz for each rate and layout, one after the other in one file."""
    content = b""
    for rate, layout in parts:
        with BytesIO() as buffer, av.open(buffer, "w", format="adts") as file:
            track = file.add_stream("aac", rate=rate)
            track.layout = layout
            wave = np.sin(2 * np.pi * 800 * np.arange(rate // 2) / rate).astype(np.float32)
            planes = wave[None].repeat(len(track.layout.channels), 0)
            piece = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
            piece.sample_rate = rate
            resampler = av.AudioResampler(track.format, track.layout, rate, 1024)
            for one in (*resampler.resample(piece), None):
                file.mux(track.encode(one))
            content += buffer.getvalue()
    path.write_bytes(content)


def write_folders(folder: Path, each: int = 12) -> Path:
    """Three classes, each with sound, an image and an array; lists them in ``own.csv``."""
    rows = []
    for label in range(3):
        for number in range(each):
            name = f"{label}_{number}"
            write_sound(folder / f"sound/{name}.{('wav', 'flac')[number % 2]}", label, number)
            write_image(folder / f"image/{name}.{('jpg', 'png')[number % 2]}", label, number)
            rng = np.random.default_rng([label, number])
            (folder / "array").mkdir(exist_ok=True)
            np.save(folder / f"array/{name}.npy", rng.normal(label, 0.1, 4))
            paths = [sorted(folder.glob(f"{kind}/{name}.*"))[0] for kind in KINDS]
            files = [path.relative_to(folder).as_posix() for path in paths]
            rows.append([("cat", "dog", "owl")[label], f"who{number}", *files])
    with (folder / "own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["label", "who", *KINDS], *rows])
    return folder / "own.csv"


KINDS = ("sound", "image", "array")


def write_crema_d(base: Path, actors: int = 8) -> Path:
    for actor in range(actors):
        for label, emotion in enumerate(EMOTIONS):
            name = f"{1001 + actor}_DFA_{emotion}_XX"
            write_sound(base / f"AudioWAV/{name}.wav", label, actor)
            write_video(base / f"VideoFlash/{name}.flv", label, actor, sound=False)
    return base


def write_ave(base: Path, seed: int = 0) -> Path:
    base.mkdir(parents=True)
    every = ["Category&VideoID&Quality&StartTime&EndTime"]
    for name, each in {"trainSet": 6, "valSet": 2, "testSet": 2}.items():
        lines = []
        for label, event in enumerate(EVENTS):
            for number in range(each):
                number += 10 * len(every) + 1000 * seed
                lines.append(f"{event}&-{name}{number}_{label}&good&0&10")
                write_video(base / f"AVE/-{name}{number}_{label}.mp4", label, number)
        (base / f"{name}.txt").write_text("\n".join(lines) + "\n")
        every += lines
    (base / "Annotations.txt").write_text("\n".join(every) + "\n")
    return base


def write_kinetics(base: Path) -> Path:
    """Three classes and a stranger; train in folders of classes, val without."""
    (base / "annotations").mkdir(parents=True)
    labels = ("bowling", "playing piano", "tap dancing", "abseiling")
    for part, each in {"train": 10, "val": 2}.items():
        rows = [["label", "youtube_id", "time_start", "time_end", "split"]]
        for label, name in enumerate(labels):
            for number in range(each):
                rows.append([name, f"{part}-{label}_{number}", "7", "17", part])
                folder = base / part / name if part == "train" else base / part
                seed = number if part == "train" else 100 + number
                write_video(folder / f"{part}-{label}_{number}_000007_000017.mp4", label, seed)
        with (base / f"annotations/{part}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return base


def write_ucf101(base: Path) -> Path:
    """Two classes with sound and one without; five groups for training, one for test."""
    (base / "ucfTrainTestlist").mkdir(parents=True)
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for label, action in enumerate(("Archery", "Bowling", "Biking")):
        for group in range(1, 7):
            for clip in range(1, 3):
                name, number = f"v_{action}_g{group:02d}_c{clip:02d}", 10 * group + clip
                write_video(base / f"UCF-101/{action}/{name}.avi", label, number, label < 2)
                for axis in "xy":
                    flow = base / f"flow/{name}/flow_{axis}_00001.jpg"
                    flow.parent.mkdir(parents=True, exist_ok=True)
                    grey = picture(label, number)[..., label if axis == "x" else 0]
                    Image.fromarray(grey).save(flow)
                line = f"{action}/{name}.avi"
                lines["train" if group > 1 else "test"].append(line)
    numbered = [f"{line} {1 + k // 10}" for k, line in enumerate(lines["train"])]
    (base / "ucfTrainTestlist/trainlist01.txt").write_text("\r\n".join(numbered))
    (base / "ucfTrainTestlist/testlist01.txt").write_text("\r\n".join(lines["test"]))
    return base
