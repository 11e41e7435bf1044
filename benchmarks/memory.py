"""What training takes of memory: data larger than it, and workers that train on the same data.

    OMP_NUM_THREADS=1 python benchmarks/memory.py stream [GIGABYTES [LIMIT]]
    OMP_NUM_THREADS=1 ARMTUNE_DATA=… python benchmarks/memory.py share RECIPE [KEY=VALUE …]

``stream`` writes noise of so many GB (2) into a folder of ``.npy`` files, and trains two epochs on
it, streamed and in memory, each in a process that may have no more than LIMIT GB (0.75) of data of
its own (RLIMIT_DATA; what the system caches of files isn't counted). ``share`` lets two processes
train two epochs at once, each with its own copy of the data and then with a shared one. Told are
seconds of the last epoch, on the clock and of the processor, the peak of a process's own
(anonymous) memory, and its proportional set size at the end, which counts what processes share by
halves.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE = (64, 64)
RECIPE = """\
name: noise
data: {name: arrays, path: noise}
modalities:
  camera: {encoder: {name: mlp, width: 32}}
  sensor: {encoder: {name: mlp, width: 32}}
training: {epochs: 2, batch_size: 128}
"""
GB = 1 << 30


def write_noise(folder: Path, gigabytes: float) -> Path:
    """A recipe beside data of this size, which are never in memory as a whole."""
    count = int(gigabytes * GB / (4 * np.prod(SAMPLE)))
    rng = np.random.default_rng(0)
    (folder / "noise").mkdir()
    labels = np.arange(count) % 5
    np.save(folder / "noise" / "label.npy", labels)
    np.save(folder / "noise" / "sensor.npy", rng.normal(labels[:, None], 3, (count, 4)))
    shape = (count, *SAMPLE)
    camera = np.lib.format.open_memmap(folder / "noise" / "camera.npy", "w+", np.float32, shape)
    for start in range(0, count, 1024):
        piece = camera[start : start + 1024]
        piece[...] = rng.standard_normal(piece.shape, np.float32)
    camera.flush()
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder / "recipe.yaml"


def status(key: str, file: str = "status") -> float:
    """A figure of this process from the system, in GB."""
    lines = Path(f"/proc/self/{file}").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024 / GB


class Peak(threading.Thread):
    """Watches this process's own memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.value = 0.0

    def run(self) -> None:
        while True:
            self.value = max(self.value, status("RssAnon:"))
            time.sleep(0.01)


def child(recipe: str, limit: str, shared: str, *overrides: str) -> None:
    """Trains, and prints what it took as JSON."""
    peak = Peak()
    peak.start()
    if float(limit):
        resource.setrlimit(resource.RLIMIT_DATA, (int(float(limit) * GB),) * 2)
    from armtune.datasets._load import load_dataset
    from armtune.recipe.load import load_recipe
    from armtune.training.loop import Run
    from armtune.training.samples import Samples

    loaded = load_recipe(Path(recipe), list(overrides))
    dataset = load_dataset(loaded, Path(recipe).parent)
    run = Run([loaded], Samples(loaded, dataset, "cpu", shared=shared == "shared"))
    for _ in range(2):
        started = time.perf_counter(), time.process_time()
        [metrics] = run.advance()
        seconds, busy = time.perf_counter() - started[0], time.process_time() - started[1]
    pss = status("Pss:", "smaps_rollup")
    told = {
        "seconds": seconds,
        "busy": busy,
        "peak": peak.value,
        "pss": pss,
        "loss": metrics["loss"],
    }
    print(json.dumps(told), flush=True)
    sys.stdin.read()


def start(*words: object) -> subprocess.Popen[str]:
    """A process that trains, and waits then to be told to end."""
    command = [sys.executable, __file__, "child", *map(str, words)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen[str]) -> dict[str, Any] | str:
    """What a process says; why not, where it failed."""
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    return json.loads(line) if line else process.stderr.read().strip().splitlines()[-1]


def show(name: str, found: dict[str, Any] | str) -> None:
    """A line of the table."""
    if isinstance(found, str):
        print(f"{name:16}{found}")
        return
    figures = "".join(f"{found[key]:>12.4g}" for key in ("seconds", "busy", "peak", "pss", "loss"))
    print(f"{name:16}{figures}", flush=True)


def stream(gigabytes: float = 2, limit: float = 0.75) -> None:
    """One training at a time, streamed and in memory."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_noise(Path(folder), gigabytes)
        for how in ("stream", "memory"):
            process = start(recipe, limit, "own", f"training.data={how}")
            show(how, told(process))
            process.communicate()


def share(recipe: str, *overrides: str) -> None:
    """Two trainings at a time, twice with copies of their own and twice with a shared one."""
    for how in ("own", "shared", "own", "shared"):
        pair = [start(recipe, 0, how, "training.epochs=2", *overrides) for _ in range(2)]
        for found in [told(process) for process in pair]:
            show(how, found)
        for process in pair:
            process.communicate()


def main() -> None:
    """Runs what the command line says."""
    verb, *words = sys.argv[1:]
    if verb == "child":
        child(*words)
        return
    print(f"{'':16}{'epoch (s)':>12}{'of CPU (s)':>12}{'own (GB)':>12}{'pss (GB)':>12}{'loss':>12}")
    if verb == "stream":
        stream(*map(float, words))
    else:
        share(*words)


if __name__ == "__main__":
    main()
