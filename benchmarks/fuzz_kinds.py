"""What ``fuzz.py`` makes mutants of, and what reads them: a function for each kind."""

from __future__ import annotations

import io
import json
import random
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from armtune.bundle.manifest import MANIFEST, PROGRAM, checksum
from armtune.bundle.predictor import Predictor
from armtune.recipe.document import read_document
from armtune.recipe.space import load_sweep
from armtune.report.run import RunReport
from armtune.report.status import read_status
from armtune.sweeps.study.journal import JOURNAL
from benchmarks.fuzz_files import FILES
from benchmarks.fuzz_mutants import ODD, mutated, scrambled

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
SPACES = sorted((ROOT / "search_spaces").glob("*.yaml"))


@dataclass
class Samples:
    """A finished run and its bundle, from which mutants are made; and a folder to put them."""

    run: Path
    bundle: Path
    scratch: Path
    arrays: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)


def made(place: Path) -> Samples:
    """Trains a toy sweep, and leaves its run and bundle in a folder."""
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
    return Samples(place / "run", place / "best", place / "scratch", arrays)


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


Kind = Callable[[Samples, random.Random], None]
"""Makes a mutant and has it read."""


def recipe(samples: Samples, draw: random.Random) -> None:
    """A shipped recipe with other keys or values, beside the spaces that it names."""
    path = draw.choice(RECIPES)
    _check(samples, _yaml(mutated(_content(path), draw), draw), _overrides(draw))


def space(samples: Samples, draw: random.Random) -> None:
    """A recipe with a shipped space that has other ranges, conditions or paths."""
    content, ranges = _content(draw.choice(RECIPES)), _content(draw.choice(SPACES))
    content.setdefault("sweep", {})["space"] = [mutated(ranges, draw)]
    if draw.random() < 0.3:
        content["sweep"]["sampler"] = {"name": draw.choice(("grid", "auto", "tpe", "cmaes"))}
    _check(samples, _yaml(content, draw), [])


def _content(path: Path) -> Any:
    """A shipped file's content, to be changed."""
    return deepcopy(_read(path))


@cache
def _read(path: Path) -> Any:
    return read_document(path).content


def _yaml(content: Any, draw: random.Random) -> bytes:
    data = json.dumps(content, indent=draw.choice((None, 1))).encode()
    return scrambled(data, draw) if draw.random() < 0.2 else data


def _overrides(draw: random.Random) -> list[str]:
    paths = (
        "modalities.*.encoder.name",
        "training.epochs",
        "sweep.space",
        "data.path",
        "*",
        "a..b",
    )
    odd = json.dumps(draw.choice(ODD))
    return [f"{draw.choice(paths)}={odd}"] if draw.random() < 0.2 else []


def _check(samples: Samples, data: bytes, overrides: list[str]) -> None:
    folder = samples.scratch / "recipes"
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_bytes(data)
    load_sweep(folder / "recipe.yaml", overrides)


def journal(samples: Samples, draw: random.Random) -> None:
    """A run whose journal has other lines, or lines with other values."""
    lines = (samples.run / JOURNAL).read_bytes().splitlines(keepends=True)
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(lines))
        way = draw.randrange(5)
        if way == 0:
            del lines[at]
        elif way == 1:
            lines.insert(at, draw.choice(lines))
        elif way == 2:
            lines[at] = scrambled(lines[at], draw)
        else:
            lines[at] = json.dumps(mutated(json.loads(_sound(lines[at])), draw)).encode() + b"\n"
    with _changed(samples.run / JOURNAL, b"".join(lines)):
        _look(samples.run)


def _sound(line: bytes) -> bytes:
    try:
        json.loads(line)
    except ValueError:
        return b"{}"
    return line


def folder(samples: Samples, draw: random.Random) -> None:
    """A run of which another file than the journal is changed."""
    path = draw.choice([f for f in sorted(samples.run.rglob("*")) if _small_text(f)])
    if path.suffix == ".json" and draw.random() < 0.7:
        data = json.dumps(mutated(json.loads(path.read_text()), draw)).encode()
    elif path.name == "recipe.yaml" and draw.random() < 0.7:
        data = json.dumps(mutated(_content(path), draw)).encode()
    else:
        data = scrambled(path.read_bytes(), draw)
    with _changed(path, data):
        _look(samples.run)


def _small_text(path: Path) -> bool:
    return path.is_file() and path.suffix in (".json", ".jsonl", ".yaml", ".lock", ".csv")


def _look(run: Path) -> None:
    read_status(run).lines()
    report = RunReport.read(run)
    report.grids()
    json.dumps(report.as_dict(), allow_nan=False)
    _curves(report)


def _curves(report: RunReport) -> None:
    from armtune.report.curves import curves

    curves(report.folder, report.records)


@contextmanager
def _changed(path: Path, data: bytes) -> Iterator[None]:
    """Lets a file hold other bytes for a while: copies of its folder would take longer."""
    whole = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(whole)


def manifest(samples: Samples, draw: random.Random) -> None:
    """A bundle whose manifest says something else, with or without a checksum that fits."""
    content = mutated(json.loads((samples.bundle / MANIFEST).read_text()), draw)
    if isinstance(content, dict) and draw.random() < 0.9:
        content["checksum"] = checksum(content)
    data = json.dumps(content).encode()
    data = data if draw.random() < 0.9 else scrambled(data, draw)
    with _changed(samples.bundle / MANIFEST, data):
        _predict(samples)


def program(samples: Samples, draw: random.Random) -> None:
    """A bundle whose program computes something else; its checksum fits."""
    content = mutated(json.loads((samples.bundle / PROGRAM).read_text()), draw)
    if isinstance(content, dict) and draw.random() < 0.2:
        _grow(content, draw)
    with _rewritten(samples.bundle / PROGRAM, json.dumps(content).encode()):
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
    with _rewritten(path, scrambled(path.read_bytes(), draw)):
        _predict(samples)


@contextmanager
def _rewritten(path: Path, data: bytes) -> Iterator[None]:
    """Lets a file of a bundle hold other bytes, with a checksum that fits."""
    manifest = path.with_name(MANIFEST)
    about = json.loads(manifest.read_text())
    about["sha256"][path.name] = sha256(data).hexdigest()
    about["checksum"] = checksum(about)
    with _changed(path, data), _changed(manifest, json.dumps(about).encode()):
        yield


def _predict(samples: Samples) -> None:
    predictor = Predictor(samples.bundle)
    list(predictor.predict(samples.arrays).rows())


def inputs(samples: Samples, draw: random.Random) -> None:
    """An archive of samples with other headers, types, shapes or bytes."""
    path = samples.scratch / "samples.npz"
    way = draw.randrange(4)
    if way == 0:
        path.write_bytes(scrambled(_archive(samples.arrays), draw))
    elif way == 1:
        _with_header(path, samples.arrays, draw)
    else:
        np.savez(path, **_other(samples.arrays, draw))
    predictor = Predictor(samples.bundle)
    for part in predictor.stream(predictor.read(path)):
        list(part.rows())


def _archive(arrays: dict[str, np.ndarray[Any, Any]]) -> bytes:
    memory = io.BytesIO()
    np.savez_compressed(memory, **arrays)
    return memory.getvalue()


def _with_header(path: Path, arrays: dict[str, np.ndarray[Any, Any]], draw: random.Random) -> None:
    """An archive in which one array's header is written by hand."""
    descr = draw.choice(("'<f4'", "'|O'", "'<f2'", "'>f8'", "'(3,)f4'", "'V9'", "[('a','f')]", "1"))
    shape = draw.choice(("(2**40,5)", "(-1, 5)", "(1099511627776, 5)", "()", "(2,)", "(True, 5)"))
    order = draw.choice(("False", "True", "3"))
    said = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n".encode()
    version = draw.choice((b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(said))
    with zipfile.ZipFile(path, "w") as archive:
        for name in arrays:
            archive.writestr(f"{name}.npy", b"\x93NUMPY" + version + size + said + bytes(400))


def _other(
    arrays: dict[str, np.ndarray[Any, Any]], draw: random.Random
) -> dict[str, np.ndarray[Any, Any]]:
    names = ("image", "*", "[key]", "[/red]", "\x1b[31m", "x" * 300)
    found = {m if draw.random() < 0.9 else draw.choice(names): a for m, a in arrays.items()}
    name = draw.choice(list(found))
    array = found[name]
    changed = (
        array.astype("U8"), array.astype("S3"), array[:0], array[..., :1], array.T, array,
        np.full_like(array, draw.choice((np.nan, np.inf, 1e38))), array.astype("f8") * 1e300,
        array.astype("c8"), array.astype("?"), np.float32(3), array[None], array.astype("M8[s]"),
    )  # fmt: skip
    return {**found, name: np.asarray(draw.choice(changed))}


def _in_scratch(make: Callable[[Path, random.Random], None]) -> Kind:
    return lambda samples, draw: make(samples.scratch, draw)


KINDS: dict[str, Kind] = {
    "recipe": recipe,
    "space": space,
    "journal": journal,
    "folder": folder,
    "manifest": manifest,
    "program": program,
    "weights": weights,
    "inputs": inputs,
    **{name: _in_scratch(make) for name, make in FILES.items()},
}
