"""Mutants of valid files: none may end in a traceback, take two seconds or half a gigabyte.

    python -m benchmarks.fuzz --mutants 2000
    python -m benchmarks.fuzz --part 3/25 --mutants 2000 --kinds recipe,space

Mutates what is valid by its structure: keys, values, lists and types of the shipped recipes and
search spaces, lines of a study's journal, a bundle's manifest and program (each with its checksums
made right again, as an attacker would), and archives to predict from. What reads them may refuse
with ``RecipeError``, ``DataError`` or ``RunError``; all else counts as a traceback. The seed of a
mutant is its number, so that ``--part`` cuts a campaign into parts that can be done anywhere, and
``--only KIND:NUMBER`` repeats one. Memory is what a mutant adds to the process at its peak.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import shutil
import struct
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from armtune.bundle.manifest import MANIFEST, PROGRAM, checksum
from armtune.bundle.predictor import Predictor
from armtune.errors import ArmtuneError
from armtune.recipe.document import read_document
from armtune.recipe.space import load_sweep
from armtune.report.run import RunReport
from armtune.report.status import read_status
from armtune.sweeps.study.journal import JOURNAL

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
SPACES = sorted((ROOT / "search_spaces").glob("*.yaml"))
MOST_SECONDS = 2.0
MOST_BYTES = 500_000_000

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**63, 10**40, 0.5, -0.0, 1e-310, 1e308, "", " ",
    "*", "[key]", "[/red]", "\x1b[31m", "\0", "=1+1", "x" * 300, "a" * 30_000, "9" * 20_000,
    " " * 60_000, "../../etc", "/", "~nobody", ".", "a.b", "ü", "\u202e", "\ud800", [], {}, [[]],
    {"name": "arm"}, {"name": []}, {"name": None}, ["*"], {"*": 1}, {"[key]": {}}, list(range(3)),
    "maximize accuracy", "accuracy >= 0.1", "knee", "none", "lenet", "2024-01-01", "1e999",
)  # fmt: skip
"""Values that have been trouble somewhere, or might be."""
TEXTS = tuple(odd for odd in ODD if isinstance(odd, str))


def mutated(content: Any, draw: random.Random) -> Any:
    """Plain data with one to four changes somewhere in it."""
    for _ in range(draw.randint(1, 4)):
        holders = list(_holders(content))
        if not holders:
            return draw.choice(ODD)
        _change(draw.choice(holders), draw)
    return content


def _holders(content: Any) -> Iterator[dict[str, Any] | list[Any]]:
    if isinstance(content, dict | list) and content:
        yield content
        for part in content.values() if isinstance(content, dict) else content:
            yield from _holders(part)


def _change(holder: dict[str, Any] | list[Any], draw: random.Random) -> None:
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key, way = draw.choice(keys), draw.randrange(7)
    value = holder[key]  # type: ignore[index]
    if way == 0:
        del holder[key]  # type: ignore[arg-type]
    elif way == 1 and isinstance(holder, dict):
        holder[draw.choice(TEXTS)] = holder.pop(key)  # type: ignore[arg-type]
    elif way == 2 and isinstance(holder, list):
        holder[:] = holder * draw.choice((2, 10, 500))
    elif way == 3:
        holder[key] = holder[draw.choice(keys)]  # type: ignore[index]
    elif way == 4 and isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = value * draw.choice((-1, 0, 10, 1e9))  # type: ignore[index]
    elif way == 5 and isinstance(value, str):
        holder[key] = _text(value, draw)  # type: ignore[index]
    else:
        holder[key] = draw.choice(ODD)  # type: ignore[index]


def _text(value: str, draw: random.Random) -> str:
    at = draw.randrange(len(value) + 1)
    odd = draw.choice(TEXTS)
    return draw.choice((value[:at], value[:at] + odd + value[at:], value * 50, odd))


def scrambled(data: bytes, draw: random.Random) -> bytes:
    """Bytes of which some are other ones, gone, or there twice."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(found) + 1)
        size = draw.choice((1, 1, 4, 40))
        way = draw.randrange(4)
        if way == 0:
            found[at : at + size] = draw.randbytes(size)
        elif way == 1:
            del found[at : at + size]
        elif way == 2:
            found[at:at] = found[at : at + size * 20]
        else:
            found[at : at + 4] = struct.pack("<I", draw.choice((0, 2**31, 2**32 - 1)))
    return bytes(found)


@dataclass
class Samples:
    """A finished run and its bundle, from which mutants are made; and a folder to put them."""

    run: Path
    bundle: Path
    scratch: Path
    arrays: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)


def recipe(samples: Samples, draw: random.Random) -> None:
    """A shipped recipe with other keys or values, beside the spaces that it names."""
    path = draw.choice(RECIPES)
    content = read_document(path).content
    _check(samples, _yaml(mutated(content, draw), draw), _overrides(draw))


def space(samples: Samples, draw: random.Random) -> None:
    """A recipe with a shipped space that has other ranges, conditions or paths."""
    content = read_document(draw.choice(RECIPES)).content
    ranges = read_document(draw.choice(SPACES)).content
    content.setdefault("sweep", {})["space"] = [mutated(ranges, draw)]
    if draw.random() < 0.3:
        content["sweep"]["sampler"] = {"name": draw.choice(("grid", "auto", "tpe", "cmaes"))}
    _check(samples, _yaml(content, draw), [])


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
    run = _copied(samples.run, samples.scratch / "run")
    lines = (run / JOURNAL).read_bytes().splitlines(keepends=True)
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
    (run / JOURNAL).write_bytes(b"".join(lines))
    _look(run)


def _sound(line: bytes) -> bytes:
    try:
        json.loads(line)
    except ValueError:
        return b"{}"
    return line


def folder(samples: Samples, draw: random.Random) -> None:
    """A run of which another file than the journal is changed."""
    run = _copied(samples.run, samples.scratch / "run")
    path = draw.choice([f for f in sorted(run.rglob("*")) if _small_text(f)])
    if path.suffix == ".json" and draw.random() < 0.7:
        path.write_text(json.dumps(mutated(json.loads(path.read_text()), draw)))
    elif path.name == "recipe.yaml" and draw.random() < 0.7:
        path.write_text(json.dumps(mutated(read_document(path).content, draw)))
    else:
        path.write_bytes(scrambled(path.read_bytes(), draw))
    _look(run)


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


def _copied(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target))


def manifest(samples: Samples, draw: random.Random) -> None:
    """A bundle whose manifest says something else, with or without a checksum that fits."""
    bundle = _copied(samples.bundle, samples.scratch / "bundle")
    content = mutated(json.loads((bundle / MANIFEST).read_text()), draw)
    if isinstance(content, dict) and draw.random() < 0.9:
        content["checksum"] = checksum(content)
    data = json.dumps(content).encode()
    (bundle / MANIFEST).write_bytes(data if draw.random() < 0.9 else scrambled(data, draw))
    _predict(bundle, samples)


def program(samples: Samples, draw: random.Random) -> None:
    """A bundle whose program computes something else; its checksum fits."""
    bundle = _copied(samples.bundle, samples.scratch / "bundle")
    content = mutated(json.loads((bundle / PROGRAM).read_text()), draw)
    if isinstance(content, dict) and draw.random() < 0.2:
        _grow(content, draw)
    _rewritten(bundle, PROGRAM, json.dumps(content).encode())
    _predict(bundle, samples)


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
    bundle = _copied(samples.bundle, samples.scratch / "bundle")
    name = draw.choice(("model.safetensors", "preprocessing.safetensors", "recipe.yaml"))
    _rewritten(bundle, name, scrambled((bundle / name).read_bytes(), draw))
    _predict(bundle, samples)


def _rewritten(bundle: Path, name: str, data: bytes) -> None:
    (bundle / name).write_bytes(data)
    about = json.loads((bundle / MANIFEST).read_text())
    about["sha256"][name] = sha256(data).hexdigest()
    about["checksum"] = checksum(about)
    (bundle / MANIFEST).write_text(json.dumps(about))


def _predict(bundle: Path, samples: Samples) -> None:
    predictor = Predictor(bundle)
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
    found = {draw.choice((m, m, m, *names)): array for m, array in arrays.items()}
    name = draw.choice(list(found))
    array = found[name]
    changed = (
        array.astype("U8"), array.astype("S3"), array[:0], array[..., :1], array.T, array,
        np.full_like(array, draw.choice((np.nan, np.inf, 1e38))), array.astype("f8") * 1e300,
        array.astype("c8"), array.astype("?"), np.float32(3), array[None], array.astype("M8[s]"),
    )  # fmt: skip
    return {**found, name: np.asarray(draw.choice(changed))}


KINDS: dict[str, Callable[[Samples, random.Random], None]] = {
    "recipe": recipe,
    "space": space,
    "journal": journal,
    "folder": folder,
    "manifest": manifest,
    "program": program,
    "weights": weights,
    "inputs": inputs,
}


@dataclass
class Outcome:
    """What mutants of a kind came to; the numbers of those that fell."""

    mutants: int = 0
    refused: int = 0
    tracebacks: dict[int, str] = field(default_factory=dict)
    slow: dict[int, float] = field(default_factory=dict)
    large: dict[int, int] = field(default_factory=dict)
    longest: float = 0.0
    most: int = 0


def tried(kind: str, number: int, samples: Samples, outcome: Outcome) -> None:
    """Makes one mutant, has it read, and notes how that went."""
    draw = random.Random(f"{kind} {number}")  # noqa: S311 (mutants, not secrets)
    outcome.mutants += 1
    before = _peak()
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            KINDS[kind](samples, draw)
    except ArmtuneError:
        outcome.refused += 1
    except Exception:  # what is looked for
        outcome.tracebacks[number] = traceback.format_exc()
    seconds, bytes_more = time.perf_counter() - started, _peak() - before
    outcome.longest, outcome.most = max(seconds, outcome.longest), max(bytes_more, outcome.most)
    if seconds > MOST_SECONDS:
        outcome.slow[number] = seconds
    if bytes_more > MOST_BYTES:
        outcome.large[number] = bytes_more


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def campaign(
    numbers: range, kinds: list[str], samples: Samples, seconds: float = float("inf")
) -> dict[str, Outcome]:
    """The outcomes by kind; ends early, between two mutants, after so many seconds a kind."""
    found = {kind: Outcome() for kind in kinds}
    for kind, outcome in found.items():
        end = time.monotonic() + seconds
        for number in numbers:
            if time.monotonic() > end:
                break
            tried(kind, number, samples, outcome)
    return found


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


def table(found: dict[str, Outcome]) -> str:
    """The outcomes as a table."""
    head = (
        "| kind | mutants | refused | tracebacks | over 2 s | over 500 MB | longest | most memory |"
    )
    rows = [
        f"| {kind} | {o.mutants} | {o.refused} | {len(o.tracebacks)} | {len(o.slow)} "
        f"| {len(o.large)} | {o.longest:.2f} s | {o.most / 1e6:.0f} MB |"
        for kind, o in found.items()
    ]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *rows])


def falls(found: dict[str, Outcome]) -> Iterator[str]:
    """A word on each kind of fall: the last lines of tracebacks, and the slow and large mutants."""
    for kind, outcome in found.items():
        last = {n: "\n".join(text.splitlines()[-3:]) for n, text in outcome.tracebacks.items()}
        counts = Counter(last.values())
        for text, count in counts.most_common():
            number = next(n for n, own in last.items() if own == text)
            yield f"{kind}:{number}, {count} times:\n{text}"
        for number, seconds in outcome.slow.items():
            yield f"{kind}:{number} took {seconds:.1f} s"
        for number, size in outcome.large.items():
            yield f"{kind}:{number} took {size / 1e6:.0f} MB"


def main() -> int:
    """Runs a part of a campaign, and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mutants", type=int, default=1000, help="of each kind, in this part")
    parser.add_argument("--part", default="1/1", help="which part, such as 3/25")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--only", help="one mutant, such as recipe:12, with its whole traceback")
    given = parser.parse_args()
    part = int(given.part.split("/")[0]) - 1
    numbers = range(part * given.mutants, (part + 1) * given.mutants)
    with tempfile.TemporaryDirectory() as place:
        samples = made(Path(place))
        if given.only:
            kind, _, number = given.only.partition(":")
            found = campaign(range(int(number), int(number) + 1), [kind], samples)
            print(*found[kind].tracebacks.values())
        else:
            found = campaign(numbers, given.kinds.split(","), samples)
    print(*falls(found), "", table(found), sep="\n")
    return int(any(o.tracebacks or o.slow or o.large for o in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
