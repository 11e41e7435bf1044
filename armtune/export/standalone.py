"""Predicts with this folder's exported model; needs numpy, and torch or onnxruntime. No armtune.

    python predict.py samples.npz            # or a folder of .npy files; a table to the terminal
    python predict.py samples.npz out.csv

``samples.npz`` holds an array ``(sample, …)`` for each modality, as the data set gives it; a
modality that is left out, or NaN throughout in a sample, is replaced by its mean feature over the
training samples. The model
standardises by itself: ``(x − mean) / std``, the figures of which ``preprocessing.safetensors``
holds for use elsewhere.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
PIECE = 1024
LARGEST = 1 << 26
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def main() -> None:
    """Reads the samples, predicts, and writes the table."""
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python predict.py SAMPLES [OUT.csv]")
    about, source = manifest(), Path(sys.argv[1])
    samples = read(source)
    count = check(samples, about["shapes"])
    model = load(about)
    target = sys.argv[2] if len(sys.argv) == 3 else ""
    if target and is_taken(Path(target), source):
        sys.exit(f"{target}: the predictions would take the place of the samples, or of the model")
    place: str | int = target or 1
    with open(place, "w", encoding="utf-8", errors="backslashreplace", newline="") as out:  # noqa: PTH123
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["sample", *map(cell, heading(about["target"]))])
        for start in range(0, count, PIECE):
            piece = {m: array[start : start + PIECE] for m, array in samples.items()}
            for number, row in enumerate(predict(model, about, piece), start):
                table.writerow([number, *map(cell, said(about["target"], row))])


def manifest() -> dict[str, Any]:
    """What ``bundle.json`` says, if it is as it was exported."""
    path = plain(HERE / "bundle.json")
    try:
        if path.stat().st_size > LARGEST:
            sys.exit(f"{path}: has more than {LARGEST} bytes, which no bundle's has")
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        own = about.pop("checksum", None)
    except (AttributeError, OSError, RecursionError, TypeError, ValueError) as error:
        sys.exit(f"{path}: can't be read as a bundle: {error}")
    if missing := {"formats", "sha256", "shapes", "target"} - set(about):
        sys.exit(f"{path}: can't be read as a bundle: it lacks {', '.join(sorted(missing))}")
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    if own not in (None, found):
        sys.exit("bundle.json: differs from its checksum, which stands in it")
    return about


def is_taken(target: Path, source: Path) -> bool:
    """Whether the target is a file of the samples, or of the model."""
    if not target.exists():
        return False
    return target.resolve().parent in (HERE, source.resolve()) or target.samefile(source)


def cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    try:
        float(text)
    except ValueError:
        return f"'{text}" if text.startswith(FORMULA) else text
    return text


def heading(target: dict[str, Any]) -> list[str]:
    """The table's columns after the sample's number."""
    if target["kind"] == "values":
        return list(target["names"])
    first = {"classes": "class", "labels": "labels"}[target["kind"]]
    return [first, *(f"p({name})" for name in target["names"])]


def said(target: dict[str, Any], row: Any) -> list[str]:
    """What the model says of a sample: the likeliest class, the likely labels, or the value."""
    names = target["names"]
    if target["kind"] == "values":
        return [str(value) for value in row]
    bounds = target.get("thresholds") or [0.5] * len(names)
    # As float32, which probabilities are.
    likely = [n for n, p, b in zip(names, row, bounds, strict=True) if p > np.float32(b)]
    first = names[row.argmax()] if target["kind"] == "classes" else ";".join(likely)
    return [first, *(f"{p:.6g}" for p in row)]


def read(path: Path) -> dict[str, Any]:
    """Arrays by modality; nothing is unpickled."""
    if not path.is_dir() and path.suffix != ".npz":
        sys.exit(f"{path}: this program reads .npz files and folders of .npy; armtune reads more")
    try:
        if path.is_dir():
            return {
                f.stem: np.load(f, mmap_mode="r", allow_pickle=False) for f in path.glob("*.npy")
            }
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except Exception as error:  # numpy's, zipfile's and zlib's have little in common
        sys.exit(f"{path}: can't be read: {type(error).__name__}: {error}")


def check(samples: dict[str, Any], shapes: dict[str, list[int]]) -> int:
    """The number of samples, or an end with the reason why they can't be read."""
    for m, array in samples.items():
        if m not in shapes:
            sys.exit(f"{m}: unknown; this model reads {', '.join(shapes)}")
        if array.dtype.kind not in "fiub" or not array.ndim:
            sys.exit(
                f"{m}: holds {array.dtype} of shape {array.shape}, not a number or more a sample"
            )
        if list(array.shape[1:]) != shapes[m]:
            sys.exit(f"{m}: samples have shape {list(array.shape[1:])}, not {shapes[m]}")
    lengths = {len(array) for array in samples.values()}
    if len(lengths) != 1:
        sys.exit(f"the modalities need the same number of samples, not {sorted(lengths)}")
    return lengths.pop()


def predict(model: Callable[..., Any], about: dict[str, Any], piece: dict[str, Any]) -> Any:
    """What the model gives for a piece, whose modalities may be some of all."""
    size = len(next(iter(piece.values())))
    fills = about.get("fills", {"what": ""})
    views, present = {}, {}
    for m, shape in about["shapes"].items():
        views[m] = np.array(piece.get(m, np.zeros((size, *shape))), np.float32, order="C")
        flat = views[m].reshape(size, -1)
        empty = np.isnan(flat)
        # A sample that lacks a modality is NaN throughout, where that isn't filled.
        there = ~empty.all(1) | (fills["what"] == "samples")
        present[m] = there & (m in piece)
        if fills["what"]:
            flat[:] = np.where(empty & there[:, None], fills["means"][m], flat)
        flat[~present[m]] = 0
        if not np.isfinite(flat).all():
            sys.exit(f"{m}: holds NaN or an infinity")
    if not np.any(list(present.values()), axis=0).all():
        sys.exit("there are samples without any modality")
    told = model(views, present)
    if not np.isfinite(told).all():
        sys.exit("the model gives NaN or an infinity")
    return told


def load(about: dict[str, Any]) -> Callable[..., Any]:
    """The model in ONNX Runtime if it is there in that format, else in torch."""
    files = {name: HERE / each["file"] for name, each in about["formats"].items()}
    if "onnx" in files:
        try:
            return onnx(untouched(files["onnx"], about))
        except ModuleNotFoundError:
            pass
    if "torch" not in files:
        sys.exit("this folder has no model.pt2; for model.onnx: pip install onnxruntime")
    return torch(untouched(files["torch"], about))


def untouched(path: Path, about: dict[str, Any]) -> Path:
    """The file, if it is as it was exported."""
    try:
        digest = hashlib.sha256()
        with plain(path).open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError as error:
        sys.exit(f"{path}: can't be read: {error.strerror}")
    if digest.hexdigest() != about["sha256"].get(path.name):
        sys.exit(f"{path}: differs from its checksum in bundle.json")
    return path


def plain(path: Path) -> Path:
    """The file, if it is no pipe or device, which may be read for ever."""
    try:
        odd = path.exists() and not path.is_file() and not path.is_dir()
    except OSError as error:
        sys.exit(f"{path}: can't be read: {error.strerror}")
    if odd:
        sys.exit(f"{path}: is a pipe or a device; a bundle has plain files")
    return path


def onnx(path: Path) -> Callable[..., Any]:
    """The model in ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(views: dict[str, Any], present: dict[str, Any]) -> Any:
        feed = {**views, **{f"present/{m}": there for m, there in present.items()}}
        return session.run(None, feed)[0]

    return run


def torch(path: Path) -> Callable[..., Any]:
    """The model in torch."""
    import torch

    module = torch.export.load(path).module()

    @torch.no_grad()
    def run(views: dict[str, Any], present: dict[str, Any]) -> Any:
        tensors = [{m: torch.from_numpy(x) for m, x in part.items()} for part in (views, present)]
        return module(*tensors).numpy()

    return run


if __name__ == "__main__":
    main()
