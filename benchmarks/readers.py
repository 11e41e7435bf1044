"""Reading media: against the plain decoding libraries, and from the cache against from the files.

    python benchmarks/readers.py

Makes files of its own: recordings of three seconds, photographs of 640 × 480 and videos of 30
frames of 320 × 240. Throughput: `armtune.data.formats.media`, which also scales images, picks
frames and makes spectrograms, in one thread and in a thread a core as data sets do, against the
library that
only decodes the same file as a whole, in one thread. Start: a data set
of these files read for the first time against read again. Both sides take turns; medians, and
the median of the turns' ratios.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

from armtune.data.cache import cache_root
from armtune.data.formats.media import Shape, decode, kind_of, read_sound
from armtune.data.prefetch import prefetched
from armtune.datasets.folders import Folders

TURNS = 9
EACH = 40
RATE = 16000
SHAPE = Shape(side=64, frames=3, spectrogram=(64, 96), seconds=3.0, rate=RATE)


def write(folder: Path) -> dict[str, list[Path]]:
    """The files of each kind."""
    rng = np.random.default_rng(0)
    suffixes = {"sound": "wav", "image": "jpg", "video": "mp4"}
    paths = {k: [folder / f"{k}{n}.{s}" for n in range(EACH)] for k, s in suffixes.items()}
    for sound, image, video in zip(*paths.values(), strict=True):
        soundfile.write(sound, rng.normal(0, 0.1, 3 * RATE), RATE)
        picture(rng, 640, 480).save(image, quality=90)
        with av.open(str(video), "w") as file:
            stream = file.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for _ in range(30):
                frame = av.VideoFrame.from_image(picture(rng, 320, 240))
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return paths


def picture(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Smooth blots with a little grain: about as hard to decode as a photograph."""
    coarse = Image.fromarray(rng.integers(0, 200, (15, 20, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray(smooth + rng.integers(0, 20, smooth.shape, np.uint8))


def plain_sound(path: Path) -> object:
    """The samples, by soundfile."""
    return soundfile.read(path, dtype="float32")


def plain_image(path: Path) -> object:
    """All pixels, by Pillow."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def plain_video(path: Path) -> object:
    """All frames, by PyAV."""
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def as_decoded(path: Path) -> object:
    """What a data set stores of the file."""
    return decode(path, kind_of(path), SHAPE)


def as_read(path: Path) -> object:
    """The samples, by armtune."""
    return read_sound(path, RATE)


SIDES: dict[str, tuple[str, Callable[[Path], object], Callable[[Path], object]]] = {
    "sound": ("sound", as_read, plain_sound),
    "sound, as spectrogram": ("sound", as_decoded, plain_sound),
    "image": ("image", as_decoded, plain_image),
    "video": ("video", as_decoded, plain_video),
}
"""For each row of the table: the kind of file, armtune's way and the library's."""


def seconds(run: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def each(way: Callable[[Path], object], paths: list[Path]) -> None:
    """Reads file after file, and keeps none."""
    for path in paths:
        way(path)


def all_ahead(way: Callable[[Path], object], paths: list[Path]) -> None:
    """Reads files with a thread a core, as data sets do, and keeps none."""
    for _ in prefetched(way, paths):
        pass


def throughput(name: str, files: dict[str, list[Path]]) -> str:
    """A row: files a second of each side, and ours as a share of the library's."""
    kind, own, library = SIDES[name]
    runs = [partial(each, own), partial(all_ahead, own), partial(each, library)]
    turns = [[seconds(partial(run, files[kind])) for run in runs] for _ in range(TURNS)]
    turns = turns[1:]  # the first turn pays for imports
    rates = [f"{EACH / statistics.median(side):,.0f}" for side in zip(*turns, strict=True)]
    shares = [f"{statistics.median(turn[2] / turn[k] for turn in turns):.0%}" for k in (0, 1)]
    return f"| {' | '.join([name, *rates, *shares])} |"


def starts(folder: Path, paths: dict[str, list[Path]]) -> str:
    """A line: the first read of all files as one data set against the second."""
    rows = [
        f"{n % 2},{','.join(p.name for p in own)}"
        for n, own in enumerate(zip(*paths.values(), strict=True))
    ]
    (folder / "own.csv").write_text("\n".join([f"label,{','.join(paths)}", *rows]))
    turns = []
    for seed in range(TURNS):
        data = Folders(path="own.csv", seconds=3.0, spectrogram=(64, 96), seed=seed)
        read = partial(data.read, tuple(paths), folder, lambda *_: None)
        turns.append([seconds(read), seconds(read)])
    first, second = (1000 * statistics.median(side) for side in zip(*turns, strict=True))
    ratio = statistics.median(a / b for a, b in turns)
    return f"First start {first:.0f} ms, second {second:.1f} ms: {ratio:.0f} times as fast."


def main() -> None:
    """Prints both tables."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["ARMTUNE_CACHE"] = f"{name}/cache"
        assert cache_root().is_relative_to(name)
        paths = write(Path(name))
        print("| | armtune, one thread | a thread a core | library | share | share |")
        print("|---|---:|---:|---:|---:|---:|")
        for row in SIDES:
            print(throughput(row, paths))
        print(f"\n{starts(Path(name), paths)}")


if __name__ == "__main__":
    main()
