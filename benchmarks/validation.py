"""What judging every subset of modalities and every head costs, against a plain validation pass.

    OMP_NUM_THREADS=1 python benchmarks/validation.py [--quick]

The recipe avmnist's MLPs and LeNets, 5,000 samples, two, three and four modalities (that is 3, 7
and 15 subsets). A plain pass encodes, fuses, and takes accuracy and mean cross-entropy of all
modalities, in pieces of the same size. Both take turns in one process; the time is the processor's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from step_cost import ENCODERS
from torch.nn import functional as F

from armtune.recipe.schema import Recipe
from armtune.targets.classes import Classes
from armtune.training.evaluation import CHUNK, evaluate
from armtune.training.network import MultimodalNet, build_network
from armtune.training.samples import DeviceSplit

SHAPES = {"image": (14, 14), "audio": (16, 16), "touch": (14, 14), "depth": (16, 16)}
CLASSES = Classes(tuple(str(k) for k in range(10)))


def noise(modalities: list[str], samples: int) -> DeviceSplit:
    """Samples without any sense."""
    views = {m: torch.randn(samples, *SHAPES[m]) for m in modalities}
    return DeviceSplit(views, torch.arange(samples) % 10)


@torch.no_grad()
def plain(network: MultimodalNet, samples: DeviceSplit) -> None:
    """Accuracy and mean cross-entropy of the fused decision."""
    right = loss = torch.zeros(())
    for piece in samples.chunks(CHUNK):
        logits = network.fuse(network.encode({m: v[None] for m, v in piece.views.items()}))[0]
        right = right + (logits.argmax(-1) == piece.labels).sum()
        loss = loss + F.cross_entropy(logits, piece.labels, reduction="sum")
    right.item(), loss.item()


def spent(call: Callable[[], object]) -> float:
    """The processor's seconds."""
    started = time.process_time()
    call()
    return time.process_time() - started


def main(rounds: int, samples: int) -> None:
    """Prints the table."""
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), {rounds} rounds\n")
    print("| encoders | modalities | plain pass, ms | all subsets and heads, ms | ratio |")
    print("|---|---|---|---|---|")
    for kind, encoder in ENCODERS.items():
        for count in (2, 3, 4):
            modalities = list(SHAPES)[:count]
            network = build_network([recipe(modalities, encoder)], SHAPES, 10).eval()
            split = noise(modalities, samples)
            passes = {
                "plain": partial(plain, network, split),
                "all": partial(evaluate, network, split, CLASSES),
            }
            times = {name: [spent(one)] for name, one in passes.items()}
            for _ in range(rounds):
                for name, one in passes.items():
                    times[name].append(spent(one))
            few, every = (1000 * median(own[1:]) for own in times.values())
            print(f"| {kind} | {count} | {few:.1f} | {every:.1f} | {every / few:.2f} |")


def recipe(modalities: list[str], encoder: dict[str, object]) -> Recipe:
    """A recipe with these modalities."""
    content = {
        "name": "validation",
        "data": {"name": "arrays", "path": "noise.npz"},
        "modalities": {m: {"encoder": encoder} for m in modalities},
    }
    return Recipe.model_validate(content)


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(*((3, 500) if quick else (31, 5000)))
