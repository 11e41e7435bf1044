"""All there is to know of a card, in one command of at most eight minutes.

    PYTHONPATH=. python benchmarks/gpu_all.py [--device cuda] [--minutes 8] [--json FILE] [--quick]

First correctness (``gpu_checks.py``), then trials an hour and how busy the card is: packs of 1 to
256 members of an MLP and of LeNet, ResNet-18 and a transformer in float32 and bf16, features that
were computed before, and what a step costs when it is replayed as a CUDA graph. Each line stands in
the JSON as soon as it is printed; when the time is over, what is left is named. It needs torch 2.6,
numpy, pydantic, safetensors, threadpoolctl, PyYAML and this repository, no data. ``--device cpu
--quick`` runs the same code without a card.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gpu
import torch
from gpu_checks import checks

from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.testing.toys import toy_recipe
from armtune.training.loop import Run

MEMBERS = [2**k for k in range(9)]
SECONDS = 2.0
REPLAYS = 50

Shapes = dict[str, tuple[int, ...]]
BF16 = {"training.precision": "bf16"}


@dataclass(frozen=True)
class Part:
    """A training whose speed is measured.

    Attributes:
        members: sizes of packs.
        changes: of the recipe.
    """

    name: str
    encoder: str
    shapes: Shapes
    samples: tuple[int, int, int]
    members: Sequence[int]
    changes: dict[str, Any]


SMALL: Shapes = {"image": (14, 14), "audio": (16, 16)}
PICTURES: Shapes = {"image": (3, 64, 64), "audio": (1, 64, 64)}
STEPS: Shapes = {"image": (64, 32), "audio": (64, 32)}
GIVEN: Shapes = {"image": (512,), "audio": (512,)}
PARTS = (
    Part("MLP", "mlp", SMALL, gpu.SAMPLES, MEMBERS, {}),
    Part("LeNet", "lenet", SMALL, gpu.SAMPLES, MEMBERS, {}),
    Part("LeNet, bf16", "lenet", SMALL, gpu.SAMPLES, [1, 64], BF16),
    Part("ResNet-18", "resnet18", PICTURES, (4000, 1000, 100), [1, 4], {}),
    Part("ResNet-18, bf16", "resnet18", PICTURES, (4000, 1000, 100), [1, 4], BF16),
    Part("transformer", "transformer", STEPS, (4000, 1000, 100), [1, 16], {}),
    Part("transformer, bf16", "transformer", STEPS, (4000, 1000, 100), [1, 16], BF16),
    Part("given features", "frozen_features", GIVEN, gpu.SAMPLES, [1, 64, 256], {}),
)
QUICK = (
    Part("MLP", "mlp", {"image": (6, 6), "audio": (5,)}, (64, 32, 8), [1, 2], {}),
    Part("LeNet, bf16", "lenet", {"image": (12, 12)} | {"audio": (12, 12)}, (64, 32, 8), [1], BF16),
)


class Table:
    """Prints lines, and keeps them as JSON."""

    def __init__(self, path: Path | None, device: str) -> None:
        card = torch.cuda.get_device_name(0) if device == "cuda" else "the processor"
        self._path, self._known = path, dict[str, Any](torch=torch.__version__, device=card)
        print(f"torch {torch.__version__}, {card}\n", flush=True)

    def begin(self, part: str, *columns: str) -> None:
        """Begins a table."""
        print(f"\n| {part} | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}", flush=True)

    def line(self, part: str, row: dict[str, Any], *cells: str) -> None:
        """A line of it."""
        print(f"| {' | '.join(cells)} |", flush=True)
        self._known.setdefault(part, []).append(row)
        if self._path:
            self._path.write_text(json.dumps(self._known, indent=1) + "\n")


def recipe_of(part: Part) -> Recipe:
    """A training of the part's encoders that never ends."""
    recipe = toy_recipe(part.shapes, batch_size=64)
    changes = {f"modalities.{m}.encoder": {"name": part.encoder} for m in part.shapes}
    return with_overrides(recipe, {**changes, "training.epochs": gpu.EPOCHS, **part.changes})


def case_of(part: Part, device: str, seconds: float) -> gpu.Case:
    """What ``gpu.py`` measures; a trial is 15 epochs."""
    return gpu.Case(recipe_of(part), 15, part.samples, device, seconds, 20.0, part.shapes)


def compared(table: Table, device: str, quick: bool) -> bool:
    """The table of correctness; whether all holds."""
    table.begin("correctness, float64", "largest difference", "")
    failed = 0
    for check in checks(device, quick):
        failed += not check.holds
        verdict = check.said or ("" if check.holds else "differs")
        row = {**asdict(check), "off": f"{check.off:.1e}", "holds": check.holds}
        table.line("checks", row, f"{check.kind}: {check.name}", f"{check.off:.1e}", verdict)
    print(f"\n{failed} differ" if failed else "\nall agree", flush=True)
    return not failed


def speeds(table: Table, part: Part, device: str, seconds: float) -> None:
    """Lines of a part's packs."""
    case, first = case_of(part, device, seconds), None
    for members in part.members:
        speed = gpu.attempt(gpu.packed, case, members)
        about = {"part": part.name, "members": members}
        name = f"{part.name}, {members}"
        if isinstance(speed, str):
            table.line("speeds", {**about, "said": speed}, name, "–", "–", "–", speed)
            return
        first = first or speed.trials
        ratio = speed.trials / first
        busy = "–" if speed.busy is None else f"{speed.busy:.0%}"
        row = {**about, "trials an hour": speed.trials, "ratio": ratio, "busy": speed.busy}
        table.line("speeds", row, name, f"{speed.trials:.0f}", f"{ratio:.2f}", busy, "")


def replayed(part: Part, members: int) -> tuple[float, float]:
    """Milliseconds of a step as it is, and of the same one replayed as a CUDA graph."""
    recipe = recipe_of(part)
    recipes = [with_overrides(recipe, {"training.seed": k}) for k in range(members)]
    run = Run(recipes, gpu.noise(part.samples, part.shapes), "cuda")
    run.advance()
    run.train_steps(lambda: True)
    index = run.order[:, : run.batch_size]
    batch = next(iter(run.train.batches(run.pool.gather(1, index), run.batch_size)))

    def step() -> None:
        run._step(batch, index, 0)

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    plain = milliseconds(step)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return plain, milliseconds(graph.replay)


def milliseconds(call: Callable[[], Any]) -> float:
    """What a call takes on the card, on average."""
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(REPLAYS):
        call()
    torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - started) / REPLAYS


def graphs(table: Table, device: str) -> None:
    """The table of CUDA graphs."""
    for part in PARTS[:2]:
        for members in (1, 16):
            name, about = f"{part.name}, {members}", {"part": part.name, "members": members}
            if device == "cpu":
                table.line("graphs", {**about, "said": "no card"}, name, "–", "–", "no card")
                continue
            try:
                plain, graph = replayed(part, members)
            except Exception as error:  # one that can't be captured says so
                said = gpu.told(error)
                table.line("graphs", {**about, "said": said}, name, "–", "–", said)
                continue
            row = {**about, "ms": plain, "ms as a graph": graph}
            table.line("graphs", row, name, f"{plain:.2f}", f"{graph:.2f}", "")


def measured(table: Table, device: str, quick: bool, until: float) -> None:
    """All that is timed, as far as there is time."""
    columns = ("trials an hour", "times one member", "card busy", "")
    table.begin("packs of, members", *columns)
    for part in QUICK if quick else PARTS:
        if time.monotonic() > until:
            row = {"part": part.name, "said": "not measured: the time was over"}
            table.line("speeds", row, part.name, "–", "–", "–", row["said"])
        else:
            speeds(table, part, device, 0.1 if quick else SECONDS)
    table.begin("a step, members", "ms", "ms as a CUDA graph", "")
    graphs(table, device)


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="a few checks, two small trainings")
    return parser.parse_args(given)


def main(words: Sequence[str]) -> int:
    """Prints the tables; 1 where something differs."""
    given, began = arguments(words), time.monotonic()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("torch finds no GPU here; --device cpu --quick runs the same code", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    table = Table(given.json, given.device)
    holds = compared(table, given.device, given.quick)
    # The last part begun, and the graphs, still have to end in time.
    measured(table, given.device, given.quick, began + 60 * given.minutes - 75)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
