"""What ``fuzz.py`` makes mutants of: a finished run, and bundles of three kinds."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from armtune.bundle.manifest import MANIFEST, checksum

ROOT = Path(__file__).parents[1]
NOTES = ("red", "green and tall", "blue", "a red one", "tall")
ROWS = 60


@dataclass
class Samples:
    """A finished run and bundles, from which mutants are made; and a folder to put them.

    Attributes:
        bundle: of one model of arrays.
        ensemble: of two models of the same.
        prepared: of a model of a table's columns.
        arrays, table: what is predicted of the first two, and of the last.
    """

    run: Path
    bundle: Path
    ensemble: Path
    prepared: Path
    scratch: Path
    arrays: dict[str, np.ndarray[Any, Any]]
    table: Path


Kind = Callable[[Samples, random.Random], None]
"""Makes a mutant and has it read."""


def made(place: Path) -> Samples:
    """Trains a toy sweep, and leaves its run and bundle in a folder; and the other bundles."""
    from armtune.datasets._load import load_dataset
    from armtune.export.from_run import export_trial
    from armtune.recipe.load import load_recipe
    from armtune.sweeps import sweep

    path = _toy(place)
    toy = load_recipe(path)
    result = sweep(toy, place / "run", place, inline=True)
    export_trial(place / "run", result.chosen or 0, place / "best")
    views = load_dataset(toy, place).test.views
    arrays = {m: np.asarray(view[:20]) for m, view in views.items()}
    (place / "scratch").mkdir()
    shutil.copytree(ROOT / "search_spaces", place / "scratch" / "search_spaces")
    _bundle(path, place / "ensemble", [[[0.5, 0.3, 0.2]] * 4, [[0.4, 0.1, 0.5]] * 4])
    table = _table(place)
    _bundle(place / "table.yaml", place / "prepared")
    return Samples(
        place / "run", place / "best", place / "ensemble", place / "prepared", place / "scratch",
        arrays, table,
    )  # fmt: skip


def _bundle(path: Path, to: Path, weights: Sequence[Sequence[Sequence[float]]] = ()) -> None:
    """Trains a recipe once, and writes it as often as there are weights of an ensemble."""
    from armtune.datasets._load import load_dataset
    from armtune.export.write import Models, write_models
    from armtune.recipe.load import load_recipe
    from armtune.training.loop import train
    from armtune.training.schedule import begin

    recipe = load_recipe(path)
    dataset = load_dataset(recipe, path.parent)
    run = begin([recipe], dataset)
    train(run, lambda *_: None)
    file = to.with_suffix(".safetensors")
    run.save_model(file)
    models = Models(recipe, [file] * max(1, len(weights)), run.scales, weights)
    formats = ["numpy" if weights else "torch"]
    write_models(to, [models], dataset, {"validation": run.best[0]}, formats)


def _table(place: Path) -> Path:
    """A recipe of a table's columns, and the table."""
    rng = np.random.default_rng(0)
    rows = [
        f"{rng.normal():.3f},{rng.normal() + k % 2:.3f},{'xyz'[k % 3]},2024-0{1 + k % 9}-11,"
        f"{NOTES[k % len(NOTES)]},{'ab'[k % 2]}"
        for k in range(ROWS)
    ]
    table = place / "table.csv"
    table.write_text("\n".join(["size,weight,colour,day,note,label", *rows]), encoding="utf-8")
    columns = {"facts": ["size", "weight", "colour", "day"], "note": ["note"]}
    content = {
        "name": "table",
        "data": {
            "name": "table", "path": table.name, "columns": columns, "missing": "indicator",
            "types": {"note": "text"},
        },
        "modalities": {m: {"encoder": {"name": "auto"}} for m in columns},
        "training": {"epochs": 1},
    }  # fmt: skip
    encoders = {"facts": {"name": "mlp", "width": 8}, "note": {"name": "bag_of_words"}}
    content["modalities"] = {m: {"encoder": encoder} for m, encoder in encoders.items()}
    (place / "table.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return table


def _toy(place: Path) -> Path:
    """A recipe of three short trainings, and its data."""
    rng = np.random.default_rng(0)
    label = np.arange(120) % 3
    views = {m: rng.normal(size=(120, n)) + label[:, None] for m, n in (("image", 6), ("audio", 5))}
    np.savez(place / "toy.npz", label=label, **views)
    content = {
        "name": "toy",
        "data": {"name": "arrays", "path": "toy.npz"},
        "modalities": {m: {"encoder": {"name": "mlp", "width": 8}} for m in views},
        "training": {"epochs": 2, "batch_size": 32},
        "sweep": {
            "trials": 3,
            "space": [{"training.optimizer.lr": {"log": [0.001, 0.1]}}],
            "confirm": {"top": 1, "seeds": 2},
        },
    }
    path = place / "toy.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@contextmanager
def changed(path: Path, data: bytes) -> Iterator[None]:
    """Lets a file hold other bytes for a while: copies of its folder would take longer."""
    whole = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(whole)


@contextmanager
def rewritten(path: Path, data: bytes) -> Iterator[None]:
    """Lets a file of a bundle hold other bytes, with a checksum that fits."""
    manifest = path.with_name(MANIFEST)
    about = json.loads(manifest.read_text())
    about["sha256"][path.name] = sha256(data).hexdigest()
    about["checksum"] = checksum(about)
    with changed(path, data), changed(manifest, json.dumps(about).encode()):
        yield
