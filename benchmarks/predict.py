"""Prediction from a bundle: start-up against the training stack's, throughput against bare torch.

    python benchmarks/predict.py runs/avmnist/best

Start-up: `armtune predict` on one sample, from the shell's call to its table, against a process
that only imports what training imports. Throughput: `Predictor.predict` on samples in memory, which
it checks and standardises, against the bare torch module on the same samples, standardised
beforehand, in pieces of the same size. Both sides take turns; medians, and the median of the turns'
ratios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from armtune.bundle import Predictor, samples
from armtune.bundle.manifest import MODEL, RECIPE
from armtune.bundle.serving import load_network, tensors
from armtune.recipe.load import load_recipe

TURNS = 9
SAMPLES = 50_000
STACK = "import torch, ray.tune, optuna"


def seconds(run: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def row(what: str, ours: Callable[[], object], other: Callable[[], object], unit: float) -> str:
    """A row of the table: both sides' medians, times ``unit``, and the ratio."""
    ours(), other()  # the first call of each pays for caches
    turns = [(seconds(ours), seconds(other)) for _ in range(TURNS)]
    mine, theirs = (statistics.median(side) * unit for side in zip(*turns, strict=True))
    ratio = statistics.median(b / a for a, b in turns)
    return f"| {what} | {mine:.3g} | {theirs:.3g} | {ratio:.2f} |"


def views(predictor: Predictor, count: int) -> dict[str, np.ndarray]:
    """Uniform random samples of every modality."""
    rng = np.random.default_rng(0)
    return {m: rng.random((count, *s), np.float32) for m, s in predictor.shapes.items()}


def bare(predictor: Predictor, folder: Path, given: dict[str, np.ndarray]) -> Callable[[], object]:
    """The network alone, without gradients, heads, checks or standardisation."""
    classes = len(predictor.class_names)
    recipe = load_recipe(folder / RECIPE)
    network = load_network(folder / MODEL, recipe, predictor.shapes, classes)
    whole = {m: view[None] for m, view in tensors(given).items()}

    @torch.no_grad()
    def run() -> None:
        for start in range(0, SAMPLES, samples.PIECE_SAMPLES):
            piece = {m: v[:, start : start + samples.PIECE_SAMPLES] for m, v in whole.items()}
            network.fuse(network.encode(piece)).softmax(-1)

    return run


def main(folder: Path) -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    predictor = Predictor(folder)
    many = views(predictor, SAMPLES)
    with tempfile.TemporaryDirectory() as scratch:
        one = Path(scratch) / "one.npz"
        np.savez(one, **views(predictor, 1))
        command = ["armtune", "predict", str(folder), "--input", str(one)]

        def shell(words: list[str]) -> Callable[[], object]:
            return lambda: subprocess.run(words, check=True, capture_output=True)

        print("| | armtune | other | other / armtune |\n|---|---|---|---|")
        what = "one sample by `armtune predict`, ms; other: importing the training stack"
        print(row(what, shell(command), shell([sys.executable, "-c", STACK]), 1e3))
        what = f"{SAMPLES} samples, ms; other: the bare torch module"
        print(row(what, lambda: predictor.predict(many), bare(predictor, folder, many), 1e3))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
