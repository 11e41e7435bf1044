"""The winner as a folder of plain files: written, checked, and used to predict.

A bundle holds ``recipe.yaml`` (which ``armtune train`` runs as it is), ``model.safetensors``,
``preprocessing.safetensors``, ``metrics.json`` and ``bundle.json``, which names the data, the
classes and the versions and has a checksum of every other file. It needs neither the run nor Ray.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from armtune import __version__
from armtune.data import Dataset
from armtune.data.standardize import Standardization
from armtune.errors import DataError, RunError
from armtune.files import write_bytes, write_text
from armtune.network import MultimodalNet, build_network
from armtune.recipe.load import dump_recipe, load_recipe
from armtune.recipe.schema import Recipe

MANIFEST, MODEL, PREPROCESSING = "bundle.json", "model.safetensors", "preprocessing.safetensors"
RECIPE, METRICS = "recipe.yaml", "metrics.json"
CHUNK = 1024
"""Samples predicted at a time."""

Arrays = Mapping[str, NDArray[Any]]


def write_bundle(
    to: Path,
    recipe: Recipe,
    model: Path,
    dataset: Dataset,
    scales: Mapping[str, Standardization],
    metrics: Mapping[str, Any],
) -> None:
    """Writes a bundle folder as a whole, in place of one that is there.

    Args:
        model: weights as ``Run.save_model`` writes them.
        scales: each modality's standardisation, as fitted on the training split.
        metrics: what is known of the model, as JSON can hold it.

    Raises:
        RunError: the folder can't be written, or holds something other than a bundle.
    """
    if to.exists() and not (to / MANIFEST).is_file() and any(to.iterdir()):
        raise RunError(f"{to}: holds files that are not a bundle; name an empty or new folder")
    aside = to.with_name(f".{to.name}.{uuid4().hex[:8]}")
    try:
        aside.mkdir(parents=True)
        shutil.copyfile(model, aside / MODEL)
        scaling = {f"mean/{m}": s.mean for m, s in scales.items()}
        scaling |= {f"std/{m}": s.std for m, s in scales.items()}
        arrays = {name: np.asarray(value, np.float32) for name, value in scaling.items()}
        write_bytes(aside / PREPROCESSING, save(arrays))
        write_text(aside / RECIPE, dump_recipe(recipe))
        write_text(aside / METRICS, json.dumps(metrics, indent=2))
        write_text(aside / MANIFEST, json.dumps(_manifest(aside, recipe, dataset), indent=2))
        swap_folder(aside, to)
    except OSError as error:
        raise RunError(f"{to}: can't be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def swap_folder(aside: Path, to: Path) -> None:
    """Puts a finished folder in the place of another, which is gone only once it is there."""
    old = to.with_name(f".{to.name}.old.{uuid4().hex[:8]}")
    if to.exists():
        to.replace(old)
    aside.replace(to)
    shutil.rmtree(old, ignore_errors=True)


def _manifest(folder: Path, recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    return {
        "armtune": __version__,
        "data": {
            "name": dataset.name,
            "used": dataset.description,
            "digest": dataset.digest,
            "stand_in": dataset.stand_in,
        },
        "classes": list(dataset.classes),
        "shapes": {m: list(dataset.shapes[m]) for m in recipe.modalities},
        "versions": {
            "python": platform.python_version(),
            "torch": version("torch"),
            "numpy": version("numpy"),
        },
        "sha256": {f.name: _sha256(f) for f in sorted(folder.iterdir())},
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Prediction:
    """Classes and probabilities of samples.

    Attributes:
        classes: index of the likeliest class, ``(sample,)``.
        names: its name, one a sample.
        probabilities: ``(sample, class)``, each row summing to 1.
    """

    classes: NDArray[np.int64]
    names: list[str]
    probabilities: NDArray[np.float32]


class Predictor:
    """A bundle, ready to predict.

    Args:
        folder: the bundle's folder.

    Raises:
        RunError: the folder isn't a bundle, or a file differs from its checksum.
    """

    def __init__(self, folder: Path) -> None:
        manifest = _checked_manifest(folder)
        self.class_names: list[str] = manifest["classes"]
        self.shapes = {m: tuple(shape) for m, shape in manifest["shapes"].items()}
        scaling = load_file(folder / PREPROCESSING)
        self.scales = {
            m: Standardization(scaling[f"mean/{m}"], scaling[f"std/{m}"]) for m in self.shapes
        }
        recipe = load_recipe(folder / RECIPE)
        self.network = _load_network(folder / MODEL, recipe, self.shapes, len(self.class_names))

    def predict(self, samples: Arrays) -> Prediction:
        """Classes and probabilities; a modality that isn't given is replaced by its mean feature.

        Args:
            samples: for each modality an array ``(sample, *shape)`` as the data set gives it.

        Raises:
            DataError: no or an unknown modality, other lengths or shapes, or values that are no
                finite numbers; names the modality and the sample.
        """
        parts = [part.probabilities for part in self.stream(samples)]
        nothing = np.empty((0, len(self.class_names)), np.float32)
        return self._prediction(np.concatenate([nothing, *parts]))

    def stream(self, samples: Arrays) -> Iterator[Prediction]:
        """The same in pieces of ``CHUNK`` samples, so that memory-mapped arrays may be any size."""
        count = self._check(samples)
        for start in range(0, count, CHUNK):
            piece = slice(start, min(start + CHUNK, count))
            yield self._prediction(self._probabilities(samples, piece))

    def _prediction(self, probabilities: NDArray[np.float32]) -> Prediction:
        classes = probabilities.argmax(1)
        return Prediction(classes, [self.class_names[c] for c in classes], probabilities)

    def _check(self, samples: Arrays) -> int:
        """Refuses samples of the wrong modalities or shapes; returns how many there are."""
        unknown = sorted(set(samples) - set(self.shapes))
        if unknown or not samples:
            named = ", ".join(map(repr, unknown)) or "no modality"
            raise DataError(f"input has {named}; this model reads {', '.join(self.shapes)}")
        for m, array in samples.items():
            if array.dtype.kind not in "fiub":
                raise DataError(f"{m}: holds {array.dtype}, not numbers")
            if tuple(array.shape[1:]) != self.shapes[m]:
                raise DataError(
                    f"{m}: samples have shape {tuple(array.shape[1:])}, not {self.shapes[m]}"
                )
        lengths = {m: len(array) for m, array in samples.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"modalities differ in their number of samples: {lengths}")
        return next(iter(lengths.values()))

    @torch.no_grad()
    def _probabilities(self, samples: Arrays, piece: slice) -> NDArray[np.float32]:
        features = self.network.mean_features()
        size = piece.stop - piece.start
        features = {m: f.expand(1, size, -1) for m, f in features.items()}
        modules = dict(zip(self.network.modalities, self.network.encoders, strict=True))
        for m, array in samples.items():
            part = np.asarray(array[piece], np.float32)
            finite = np.isfinite(part.reshape(size, -1)).all(1)
            if not finite.all():
                sample = piece.start + int(finite.argmin())
                raise DataError(f"{m}: sample {sample} holds NaN or an infinity")
            features[m] = modules[m](torch.from_numpy(self.scales[m].apply(part))[None])
        probabilities: NDArray[np.float32] = self.network.fuse(features).softmax(-1)[0].numpy()
        return probabilities


def _checked_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sums: dict[str, str] = manifest["sha256"]
        for name in (MODEL, PREPROCESSING, RECIPE):
            if _sha256(folder / name) != sums[name]:
                raise RunError(f"{folder / name}: differs from its checksum in {MANIFEST}")
    except FileNotFoundError as error:
        raise RunError(f"{error.filename}: missing; {folder} is not a whole bundle") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder / MANIFEST}: can't be read as a bundle: {error}") from error
    return manifest


def _load_network(
    path: Path, recipe: Recipe, shapes: Mapping[str, tuple[int, ...]], classes: int
) -> MultimodalNet:
    network = build_network([recipe], shapes, classes)
    weights = {name: torch.from_numpy(array)[None] for name, array in load_file(path).items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"{path}: does not fit {RECIPE}: {error}") from error
    return network.eval()


def read_samples(path: Path) -> dict[str, NDArray[Any]]:
    """Samples by modality from an ``.npz`` or a folder of ``.npy`` files (memory-mapped).

    Raises:
        DataError: the file can't be read; names it.
    """
    try:
        if path.is_dir():
            files = sorted(path.glob("*.npy"))
            return {f.stem: np.load(f, mmap_mode="r", allow_pickle=False) for f in files}
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file or folder") from None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise DataError(f"{path}: not an .npz or a folder of .npy files: {error}") from error
