"""Mutants of bundles: of their manifest, program, weights, prepared columns and decisions."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save

from armtune.bundle.manifest import DECISIONS, MANIFEST, PREPARED, PREPROCESSING, PROGRAM, checksum
from armtune.bundle.predictor import Predictor
from benchmarks.fuzz_mutants import mutated, scrambled
from benchmarks.fuzz_samples import Kind, Samples, changed, rewritten


def manifest(samples: Samples, draw: random.Random) -> None:
    """A bundle whose manifest says something else, with or without a checksum that fits."""
    content = mutated(json.loads((samples.bundle / MANIFEST).read_text()), draw)
    if isinstance(content, dict) and draw.random() < 0.9:
        content["checksum"] = checksum(content)
    data = json.dumps(content).encode()
    data = data if draw.random() < 0.9 else scrambled(data, draw)
    with changed(samples.bundle / MANIFEST, data):
        _predict(samples)


def program(samples: Samples, draw: random.Random) -> None:
    """A bundle whose program computes something else; its checksum fits."""
    content = mutated(json.loads((samples.bundle / PROGRAM).read_text()), draw)
    if isinstance(content, dict) and draw.random() < 0.2:
        _grow(content, draw)
    with rewritten(samples.bundle / PROGRAM, json.dumps(content).encode()):
        _predict(samples)


def _grow(content: dict[str, Any], draw: random.Random) -> None:
    """Adds operations that double a value, many times over."""
    nodes = content.get("nodes")
    if not isinstance(nodes, list) or not nodes or not isinstance(nodes[-1], list):
        return
    name = nodes[-1][0] if nodes[-1] else "x"
    for k in range(draw.choice((3, 40, 2000))):
        value = {"value": name if k == 0 else f"more_{k - 1}"}
        nodes.append([f"more_{k}", "aten.cat.default", [[value, value], draw.choice((0, 1))], {}])
        content["result"] = f"more_{k}"


def weights(samples: Samples, draw: random.Random) -> None:
    """A bundle whose weights are other bytes; their checksum fits."""
    name = draw.choice(("model.safetensors", "preprocessing.safetensors", "recipe.yaml"))
    path = samples.bundle / name
    with rewritten(path, scrambled(path.read_bytes(), draw)):
        _predict(samples)


def columns(samples: Samples, draw: random.Random) -> None:
    """A bundle that prepares a table's columns otherwise; its checksum fits."""
    path = samples.prepared / PREPARED
    data = json.dumps(mutated(json.loads(path.read_text(encoding="utf-8")), draw)).encode()
    with rewritten(path, scrambled(data, draw) if draw.random() < 0.1 else data):
        predictor = Predictor(samples.prepared)
        told = list(predictor.stream(predictor.read(samples.table)))
    _check_finite(told)


def decisions(samples: Samples, draw: random.Random) -> None:
    """A bundle of several models that weighs them otherwise; its checksums fit."""
    path = samples.ensemble / PREPROCESSING
    stored = load_file(path)
    own = stored.pop(DECISIONS)
    odd = np.full_like(own, draw.choice((np.nan, np.inf, -np.inf, 1e38, -1.0, 0.0)))
    others = (
        np.where(np.arange(own.size).reshape(own.shape) == draw.randrange(own.size), odd, own),
        odd, own[:0], own[:1], own[:, :1], own[..., :1], own.T, own[None], own.ravel(),
        np.float32(3), own.astype("f8"), own.astype("f2"), own.astype("i8"), own.astype("?"),
        np.repeat(own, 500, axis=0), None,
    )  # fmt: skip
    other = draw.choice(others)
    if other is not None:
        stored[DECISIONS] = np.ascontiguousarray(other)
    data = save(stored)
    with rewritten(path, scrambled(data, draw) if draw.random() < 0.2 else data):
        told = [Predictor(samples.ensemble).predict(samples.arrays)]
    _check_finite(told)


def _check_finite(told: list[Any]) -> None:
    assert all(np.isfinite(each.probabilities).all() for each in told), "numbers, or a refusal"


def _predict(samples: Samples) -> None:
    told = Predictor(samples.bundle).predict(samples.arrays)
    list(told.rows())
    # Targets of values have none.
    if hasattr(told, "probabilities"):
        _check_finite([told])


BUNDLES: Mapping[str, Kind] = {
    "manifest": manifest,
    "program": program,
    "weights": weights,
    "columns": columns,
    "decisions": decisions,
}
