"""How long a model takes to predict one sample, in its exported form."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from math import prod
from pathlib import Path
from statistics import median

import numpy as np

from armtune.bundle.engine import CantExport, Engine, Present, Views
from armtune.bundle.formats import numpy as numpy_format
from armtune.bundle.manifest import Part
from armtune.bundle.predictor import FEW
from armtune.bundle.serving import Served, Together, built_parts, export, write_part
from armtune.data.folding import trained_together
from armtune.data.rows import taken
from armtune.data.standardize import Standardization
from armtune.errors import RunError
from armtune.recipe.schema import Recipe
from armtune.training.network import build_network, fit_encoders
from armtune.training.samples import Samples

TIMED = 5
"""Predictions of a single sample that are timed."""
OFTEN = 25
"""The same where trials are told apart by it."""


def milliseconds(engine: Engine, views: Views, present: Present, times: int = TIMED) -> float:
    """What a prediction of a single sample takes, in the median of a few."""
    one = {m: v[:1] for m, v in views.items()}
    there = {m: p[:1] for m, p in present.items()}
    took = []
    for _ in range(times):
        started = time.perf_counter()
        engine(one, there)
        took.append(1000 * (time.perf_counter() - started))
    return median(took)


def latency(recipe: Recipe, samples: Samples) -> float:
    """Milliseconds of predicting a validation sample, by the engine that predicts a few samples.

    Weights don't matter to it, so it needs no training; folds do, as all their models predict.
    """
    dataset, served = samples.dataset, _served(recipe, samples)
    first = taken(dataset.validation, np.arange(1))
    views = {m: np.nan_to_num(first.views[m][:]) for m in recipe.modalities}
    present = {m: np.ones(1, bool) for m in views}
    shapes = {m: dataset.shapes[m] for m in views}
    with tempfile.TemporaryDirectory() as folder:
        _write(served, samples.scales, Path(folder))
        engine = _engine(served, shapes, Path(folder), (views, present))
        return milliseconds(engine, views, present, OFTEN)


def _served(recipe: Recipe, samples: Samples) -> Served:
    """What would be exported, before it has learnt anything."""
    dataset, scales = samples.dataset, samples.scales
    members = trained_together(dataset, recipe.training.refit)
    shapes = {m: scales[m].shape for m in recipe.modalities}
    network = build_network([recipe] * members, shapes, dataset.target.width)
    fit_encoders(network, recipe, samples.seen.train)
    decisions = None
    if members > 1:
        decisions = np.zeros((members, 2 ** len(shapes), 1 + len(shapes)), np.float32)
        decisions[..., 0] = 1 / members
    frozen = built_parts(recipe, dataset.shapes)
    return Served(network.eval(), dataset.target, scales, decisions, frozen).eval()


def _engine(
    served: Served,
    shapes: Mapping[str, tuple[int, ...]],
    folder: Path,
    sample: tuple[Views, Present],
) -> Engine:
    """What ``Predictor`` takes for a single sample: numpy where it can, else torch."""
    by_torch = Together([served]).eval().predict
    if sum(map(prod, shapes.values())) <= FEW:
        try:
            numpy_format.write(export([served], shapes), folder)
            engine = numpy_format.load(folder)
            engine(*sample)
            return engine
        except (CantExport, RunError):
            pass
    by_torch(*sample)
    return by_torch


def _write(served: Served, scales: Mapping[str, Standardization], folder: Path) -> None:
    """The files that the program takes its weights from."""
    state = {n: t.detach().numpy() for n, t in served.network.state_dict().items()}
    table = served.decisions
    if table is None:
        write_part(folder, Part.at(0), {n: array[0] for n, array in state.items()}, scales, None)
    else:
        write_part(folder, Part.at(0, len(table)), state, scales, table.numpy())
