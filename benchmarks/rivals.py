"""Runs searches of armtune and of handwritten.py in processes of their own, and times them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

import handwritten
import numpy as np
from faults import session

from armtune.data import Split
from armtune.datasets._load import load_dataset
from armtune.errors import RunError
from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.recipe.space import load_space
from armtune.sweeps import read_records
from armtune.training.samples import Samples

HERE = Path(__file__).parent
ENCODERS = {"mlp": "{name: mlp, width: 128}", "lenet": "{name: lenet, features: 128}"}
WIDTH = 128
WAYS = {
    "Ray Tune + OptunaSearch, fresh actors": "fresh",
    "Ray Tune + OptunaSearch, reused actors": "reused",
    "Optuna in two processes": "optuna",
}
PATIENCE = 20.0
"""Seconds that a script that is ended may take."""
STYLES = {"DataLoader": "loader", "tensors by index": "tensors"}


@dataclass(frozen=True)
class Ended:
    """A trial that ran to its end.

    Attributes:
        seconds: since the script was launched.
        metrics: on validation, at the trial's best epoch.
    """

    seconds: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Setting:
    """What all searches of a comparison have in common.

    Attributes:
        recipe: as the sweep reads it.
        data: its samples, as ``handwritten.Job.data``.
        limit: seconds after which a search is ended.
    """

    path: Path
    overrides: Sequence[str]
    recipe: Recipe
    data: Path
    limit: float

    @staticmethod
    def make(path: Path, overrides: Sequence[str], data: Path, limit: float) -> Setting:
        """Reads the recipe and writes its data."""
        recipe = load_recipe(path, list(overrides))
        write_samples(recipe, path.parent, data)
        return Setting(path, overrides, recipe, data, limit)

    @property
    def ranges(self) -> dict[str, tuple[float, float, bool]]:
        """Both ends of what is searched, and whether it is drawn logarithmically."""
        dimensions = load_space(self.recipe, self.path.parent).dimensions
        return {d.path: (d.low, d.high, d.log) for d in dimensions}

    @property
    def own(self) -> dict[str, float]:
        """The recipe's own values of what is searched."""
        return load_space(self.recipe, self.path.parent).defaults(self.recipe)


def common(encoder: str, trials: int, balancing: str = "none") -> list[str]:
    """What a recipe has to be changed in so that a user can write its training by hand."""
    spaces = ["optimizer"] if balancing == "none" else ["optimizer", balancing]
    return [
        f"balancing.name={balancing}",
        *[f"modalities.{m}.encoder={ENCODERS[encoder]}" for m in ("image", "audio")],
        f"sweep.space=[{', '.join(f'../search_spaces/{space}.yaml' for space in spaces)}]",
        "sweep.constraints=[]",
        "sweep.confirm=null",
        f"sweep.trials={trials}",
    ]


def write_samples(recipe: Recipe, folder: Path, path: Path) -> None:
    """The recipe's training and validation samples, standardised, as npz."""
    dataset = load_dataset(recipe, folder)
    scales = Samples(recipe, dataset, "cpu").scales

    def arrays(name: str, split: Split) -> dict[str, np.ndarray]:
        views = {f"{name}/{m}": scale.apply(split.views[m]) for m, scale in scales.items()}
        return {**views, f"{name}/label": split.labels}

    splits = {"train": dataset.train, "validation": dataset.validation}
    np.savez(
        path, **{k: v for name, split in splits.items() for k, v in arrays(name, split).items()}
    )


def armtune(setting: Setting, overrides: Sequence[str] = (), limit: float = inf) -> list[Ended]:
    """The sweep on Ray, as users run it, for so many seconds at most."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = ["armtune", "sweep", str(setting.path), "--quiet", "--to", str(run)]
        limit = min(limit, setting.limit)
        started = launched([*command, *setting.overrides, *overrides], limit)
        try:
            records = read_records(run)
        except RunError:
            return []
    ends = [Ended(r.ended - started, r.metrics) for r in records if r.state == "COMPLETE"]
    return sorted(ends, key=lambda e: e.seconds)


def rival(
    setting: Setting,
    way: str,
    style: str,
    encoder: str,
    trials: int,
    points: Sequence[Mapping[str, float]] = (),
    seed: int = 0,
) -> list[Ended]:
    """A hand-written script's search."""
    recipe = setting.recipe
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        job = handwritten.Job(
            way=way, style=style, data=str(setting.data), encoder=encoder, width=WIDTH,
            dim=recipe.fusion.dim, batch_size=recipe.training.batch_size,
            epochs=recipe.training.epochs, points=[dict(p) for p in points], trials=trials,
            ranges=setting.ranges, seed=seed, scratch=folder, out=str(out),
        )  # fmt: skip
        script = [
            sys.executable,
            str(HERE / "handwritten.py"),
            str(job.write(Path(folder) / "job.json")),
        ]
        started = launched(script, setting.limit)
        lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    return [Ended(line["ended"] - started, line["metrics"]) for line in lines]


def launched(arguments: Sequence[str], limit: float) -> float:
    """Runs a command to its end or for so long; returns when it was launched."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    started = time.time()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            arguments, stdout=said, stderr=said, env=environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            end(process)
            return started
        if code:
            said.seek(0)
            raise SystemExit(f"{' '.join(arguments)} failed:\n{said.read()[-3000:]}")
    return started


def end(process: subprocess.Popen[str]) -> None:
    """Ends a script as Ctrl-C does, and whatever of its session is left after some seconds."""
    os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    for pid in session(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
