"""What ``fuzz.py`` makes mutants of, and what reads them: a function for each kind."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from armtune.bundle.predictor import Predictor
from armtune.recipe.document import read_document
from armtune.recipe.space import load_sweep
from armtune.report.run import RunReport
from armtune.report.status import read_status
from armtune.sweeps.study.journal import JOURNAL
from benchmarks.fuzz_bundles import BUNDLES
from benchmarks.fuzz_files import FILES
from benchmarks.fuzz_mutants import ODD, mutated, scrambled
from benchmarks.fuzz_samples import ROOT, Kind, Samples, changed

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
SPACES = sorted((ROOT / "search_spaces").glob("*.yaml"))


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
    with changed(samples.run / JOURNAL, b"".join(lines)):
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
    with changed(path, data):
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
    **BUNDLES,
    "inputs": inputs,
    **{name: _in_scratch(make) for name, make in FILES.items()},
}
