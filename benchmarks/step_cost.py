"""What a training step costs with a balancing method, against ``none``.

    OMP_NUM_THREADS=1 python benchmarks/step_cost.py [METHOD[:option=value,…] …]
    OMP_NUM_THREADS=1 python benchmarks/step_cost.py arm arm:valuation=histogram

Two modalities of 14×14 and 16×16 samples, 10 classes, batches of 128, the recipe avmnist's MLPs
and LeNets of the default size. All methods train in one process, a step each in turn, so that what
else the machine does hits all alike; the time is the processor's, which on one thread is that of an
idle machine. A step is the whole of it: batch, forward, backward, update. What a method does once
an epoch isn't in it. Methods are at their defaults but for the options given, after two epochs.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import numpy as np
import torch

from armtune.data import Dataset, Split
from armtune.recipe.document import read_value
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.training.loop import Run

SHAPES = {"image": (14, 14), "audio": (16, 16)}
ENCODERS = {"MLP": {"name": "mlp", "width": 128}, "LeNet": {"name": "lenet"}}
BATCH, STEPS, WARMUP, EPOCHS = 128, 20, 20, 15
NONE = "none"


def dataset() -> Dataset:
    """Noise with labels, enough for ``STEPS`` steps an epoch whatever a method holds out."""
    rng = np.random.default_rng(0)

    def split(samples: int) -> Split:
        labels = np.arange(samples) % 10
        views = {
            m: rng.normal(size=(samples, *shape)).astype(np.float32) for m, shape in SHAPES.items()
        }
        return Split(views, labels)

    splits = [split(n) for n in (2 * BATCH * STEPS, BATCH, BATCH)]
    names = tuple(str(k) for k in range(10))
    return Dataset("noise", "noise", Classes(names), *splits, digest="0" * 8)


def recipe(method: str, encoder: dict[str, object]) -> Recipe:
    """A recipe with a method, written ``name`` or ``name:option=value,…``."""
    name, _, options = method.partition(":")
    given = dict(option.split("=") for option in options.split(",") if option)
    plain = Recipe.model_validate(
        {
            "name": "cost",
            "data": {"name": "arrays", "path": "noise.npz"},
            "modalities": {m: {"encoder": encoder} for m in SHAPES},
            "balancing": {"name": name},
            "training": {"epochs": EPOCHS, "batch_size": BATCH},
        }
    )
    values = {f"balancing.{k}": read_value(v, "command line") for k, v in given.items()}
    return with_overrides(plain, values)


class Steps:
    """A training whose steps can be taken, and timed, one by one."""

    def __init__(self, method: str, encoder: dict[str, object], data: Dataset) -> None:
        self.run = Run([recipe(method, encoder)], data)
        # Two epochs end the warm-ups that change what a step does.
        self.run.advance()
        self.run.advance()
        self.taken = 0

    def take(self) -> float:
        run, step = self.run, self.taken % STEPS
        if not step:
            run.balancer.start_epoch(run._epoch_numbers())
            self.order = run._order()
            self.rows = run.pool.gather(1, self.order)
        self.taken += 1
        piece = slice(step * BATCH, (step + 1) * BATCH)
        started = time.process_time()
        run._step(run.train.take(self.rows[:, piece]), self.order[:, piece], step)
        return time.process_time() - started


def measure(methods: list[str], encoder: dict[str, object], rounds: int) -> dict[str, list[float]]:
    """Seconds of each method's steps."""
    data = dataset()
    running = {method: Steps(method, encoder, data) for method in methods}
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    for k in range(WARMUP + rounds):
        # The order is turned around each time: no method always comes after the same one.
        for method in methods if k % 2 else methods[::-1]:
            spent = running[method].take()
            if k >= WARMUP:
                seconds[method].append(spent)
    return seconds


def main(names: list[str], rounds: int = 400) -> None:
    """Prints the table of some methods against ``none``."""
    methods = list(dict.fromkeys([NONE, *(names or ["arm"])]))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), {rounds} rounds\n")
    print("| encoders | method | median step, ms | against none |\n|---|---|---|---|")
    for kind, encoder in ENCODERS.items():
        seconds = measure(methods, encoder, rounds)
        for method, own in seconds.items():
            ratio = median(own) / median(seconds[NONE])
            print(f"| {kind} | {method} | {1000 * median(own):.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
