"""A small round through the command line: check, sweep, status, report, export, predict.

Run as ``python .ci/smoke.py FOLDER``; the folder takes what it makes. Files of each kind are read.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

from armtune.data.formats.media import Shape, decode

RECIPE = """\
name: smoke
data: {name: table, path: table.csv, columns: {one: ["a*"], other: ["b*"]}, label: name}
modalities:
  one: {encoder: {name: mlp, width: 8}}
  other: {encoder: {name: mlp, width: 8}}
balancing: {name: arm}
training: {epochs: 2, batch_size: 16}
sweep:
  trials: 4
  objectives: [maximize accuracy, minimize contribution_gap]
  space: [{training.optimizer.lr: {log: [1e-4, 1e-2]}}]
  choose: highest accuracy
  confirm: {top: 1, seeds: 2}
"""


def run(*words: object) -> str:
    """Runs armtune; what it prints must not be nothing, as of a command line that isn't read."""
    command = [sys.executable, "-m", "armtune", *map(str, words)]
    print("+ armtune", *words, flush=True)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip(), "it printed nothing"
    return done.stdout


def write_table(path: Path) -> None:
    """Two classes that are easily told apart."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["a1", "a2", "b1", "b2", "name"])
        for number in range(120):
            features = rng.normal(number % 2, 0.5, 4).round(4).tolist()
            table.writerow([*features, ("01", "1")[number % 2]])


def read_media(folder: Path) -> None:
    """A picture of 16 bits, sound and a film."""
    import av
    import soundfile
    from PIL import Image

    grey = np.full((24, 32), 257 * 200, np.uint16)
    Image.fromarray(grey).save(folder / "a.png")
    soundfile.write(folder / "a.wav", np.sin(np.arange(4000.0)), 8000)
    with av.open(str(folder / "a.mp4"), "w") as film:
        stream = film.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for _ in range(5):
            picture = np.full((24, 32, 3), 90, np.uint8)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode(None))
    shape = Shape(side=16, frames=2, spectrogram=(16, 8), seconds=0.5, rate=8000)
    assert decode(folder / "a.png", "image", shape).tolist() == np.full((3, 16, 16), 200).tolist()
    assert decode(folder / "a.wav", "sound", shape).shape == (16, 8)
    assert abs(decode(folder / "a.mp4", "video", shape).mean() - 90) < 6


def main(folder: Path) -> None:
    """All of it."""
    recipe, runs = folder / "smoke.yaml", folder / "run"
    recipe.write_text(RECIPE, encoding="utf-8")
    write_table(folder / "table.csv")
    read_media(folder)
    run("check", recipe)
    run("data", "check", recipe)
    run("sweep", recipe, "--to", runs, "--inline", "--quiet")
    run("status", runs)
    run("report", runs)
    run("export", runs, "--to", folder / "model", "--trial", "0")
    lines = run("predict", folder / "model", "--input", folder / "table.csv").splitlines()
    assert len(lines) == 121, f"{len(lines)} lines of predictions"
    assert {line.split(",")[1] for line in lines[1:]} <= {"01", "1"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
