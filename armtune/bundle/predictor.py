"""Predicts from a bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property
from math import inf, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from armtune.bundle.engine import Engine, Floats, Present, Views
from armtune.bundle.explain import Explanation, explain
from armtune.bundle.manifest import (
    MANIFEST,
    PREPARED,
    PROGRAM,
    RECIPE,
    check_files,
    model_files,
    parts_of,
    read_manifest,
)
from armtune.bundle.program import Program, TooLargeError, reason
from armtune.bundle.raw_rows import Column
from armtune.bundle.samples import Fills, count_samples, given_samples, pieces, read_samples
from armtune.data.inputs import Source
from armtune.errors import DataError, RecipeError, RunError
from armtune.targets import Prediction, Target, restored

if TYPE_CHECKING:
    from armtune.datasets import Data

ROWS = (".csv", ".tsv", ".parquet", ".feather", ".jsonl", ".ndjson")
"""Ends of the names of files with a row a sample."""
FEW = 1 << 20
"""Input numbers up to which numpy predicts: torch computes faster, but takes a second to import."""

MOST_EXPLAINED = 10
"""Modalities above which there are too many subsets."""


class Predictor:
    """A bundle, ready to predict.

    Args:
        folder: the bundle's folder.

    Attributes:
        target: what is predicted.
        shapes: each modality's sample shape, in the recipe's order.

    Raises:
        RunError: the folder isn't a bundle, or a file differs from its checksum.
    """

    def __init__(self, folder: Path) -> None:
        manifest = read_manifest(folder)
        self.folder = folder
        self.target = _target(manifest, folder)
        self.shapes = {m: tuple(shape) for m, shape in manifest["shapes"].items()}
        self._fills = Fills.read(manifest)
        self._columns = manifest.get("columns", {})
        programs = [PROGRAM] if PROGRAM in manifest["sha256"] else []
        files = [name for part in parts_of(manifest) for name in part.files]
        prepared = [PREPARED] if PREPARED in manifest["sha256"] else []
        check_files(folder, manifest, [*files, *programs, *prepared, *model_files(manifest)])
        self._prepared = _prepared(folder / PREPARED, self.shapes) if prepared else {}
        self._numpy: Engine | None = Program(folder) if programs else None
        self._torch: Engine | None = None

    def predict(self, samples: Mapping[str, ArrayLike]) -> Prediction:
        """What the model says; a modality that isn't there is replaced by its mean feature.

        Args:
            samples: for each modality an array ``(sample, *shape)`` as the data set gives it. A
                sample that lacks the modality is NaN, or masked, throughout.

        Raises:
            DataError: no or an unknown modality, other lengths or shapes, values that are no
                finite numbers, or a sample without any modality; names modality and sample.
        """
        return self._whole(given_samples(samples))

    def warm_up(self) -> None:
        """Predicts a sample of zeros: imports and loads what the first prediction would wait for.

        Raises:
            RunError: the model can't predict even that.
        """
        self.predict({m: np.zeros((1, *shape)) for m, shape in self.shapes.items()})
        with suppress(RecipeError):  # told to whoever sends files, since arrays can do without
            self._data  # noqa: B018

    def predict_file(self, path: Path) -> Prediction:
        """The same of a file's samples; see ``read``."""
        return self._whole(self.read(path))

    def _whole(self, sources: Mapping[str, Source]) -> Prediction:
        nothing = np.empty((0, self.target.width), np.float32)
        return self.target.prediction(np.concatenate([nothing, *self._served(sources)]))

    def read(self, path: Path) -> Mapping[str, Source]:
        """Samples by modality, from arrays or from a table as the model's data set reads it.

        Args:
            path: an ``.npz``, a folder of ``.npy`` files, or a file with a row a sample, of which
                labels are never read: see ``Data.inputs``; for a model of a table's files alone,
                a folder of files.

        Raises:
            DataError: the file can't be read, or isn't for this model; names it.
            RecipeError: the model is of plug-ins whose files haven't run.
        """
        if not self._has_rows(path):
            return read_samples(path)
        if self._prepared:
            return self._data.prepared_inputs(path, self.shapes, self._prepared)
        return self._data.inputs(path, self.shapes, self._columns)

    def texts(self, path: Path, names: Sequence[str]) -> list[Sequence[str]]:
        """Columns of a file with a row a sample, as they stand there: what samples are known by.

        Raises:
            DataError: the file can't be read, or has no such column; names it.
        """
        if not self._has_rows(path):
            raise DataError(f"{path}: has no columns to keep; they come with {', '.join(ROWS)}")
        return self._data.texts(path, names)

    @property
    def has_columns(self) -> bool:
        """Whether it is a model of a table's columns."""
        return bool(self._prepared or self._columns)

    @property
    def columns(self) -> dict[str, Column]:
        """What rows of samples may have, by name: a table's columns, or a file a modality.

        A modality that is a column of files goes by its own name, too.
        """
        if not self.has_columns:
            return {m: Column(m, is_file=True) for m in self.shapes}
        from armtune.data.columns.modalities import File, restored

        found = {n: Column(n, is_file=False) for own in self._columns.values() for n in own}
        modalities = {m: restored(self._prepared[m]) for m in self.shapes if self._prepared}
        for by in modalities.values():
            found |= {name: Column(name, isinstance(by, File)) for name in by.names}
        files = {m: found[by.name] for m, by in modalities.items() if isinstance(by, File)}
        return {**files, **found}

    def _has_rows(self, path: Path) -> bool:
        """Whether it is a file with a row a sample, or a folder of files to decode."""
        if path.is_dir():
            return bool(self._prepared) and next(path.glob("*.npy"), None) is None
        return path.suffix.lower() in ROWS

    @cached_property
    def _data(self) -> Data:
        # Slow to import, and only needed for files of rows.
        from armtune.recipe.load import load_recipe

        return load_recipe(self.folder / RECIPE, run_files=False).data

    def stream(self, samples: Mapping[str, Source]) -> Iterator[Prediction]:
        """The same piece by piece, so that the samples may be more than fit in memory."""
        return map(self.target.prediction, self._served(samples))

    def explain(self, samples: Mapping[str, Source]) -> Iterator[Explanation]:
        """Each modality's Shapley share in what the model says, piece by piece.

        Exact over all subsets of the modalities; what isn't there counts as missing.

        Raises:
            DataError: as of ``predict``.
            RunError: there are too many modalities.
        """
        if len(self.shapes) > MOST_EXPLAINED:
            said = f"has {len(self.shapes)} modalities, too many for all of their subsets"
            raise RunError(f"{self.folder}: {said}; {MOST_EXPLAINED} at most can be explained")
        engine, each = self._engines(samples, 2 ** len(self.shapes))
        start = 0
        for inputs in each:
            found = explain(self.target, engine, *inputs)
            yield replace(found, told=self._checked(found.told, inputs[0], start))
            start += len(found.told)

    def _served(self, samples: Mapping[str, Source]) -> Iterator[Floats]:
        engine, each = self._engines(samples)
        start = 0
        for inputs in each:
            told = self._checked(engine(*inputs), inputs[0], start)
            yield told
            start += len(told)

    def _engines(
        self, samples: Mapping[str, Source], times: int = 1
    ) -> tuple[Engine, Iterator[tuple[Views, Present]]]:
        """What predicts so many samples so many times, and the pieces of them."""
        count = count_samples(samples, self.shapes)
        sizes = [prod(shape) for shape in self.shapes.values()]
        parts = pieces(samples, self._fills, max(sizes))
        small = times * count * sum(sizes) <= FEW
        return self._engine(small), (self._inputs(*part) for part in parts)

    def _checked(self, told: Floats, views: Views, start: int) -> Floats:
        """What a model told of samples that begin with number ``start``, which may be anything."""
        expected = len(next(iter(views.values()))), self.target.width
        if np.shape(told) != expected:
            said = f"gives numbers of shape {np.shape(told)}, not {expected}"
            raise RunError(f"{self.folder}: the model {said}")
        finite = np.isfinite(told).all(1)
        if not finite.all():
            sample = f"sample {start + int(finite.argmin())}"
            said = f"the model gives NaN or an infinity of {sample}: are its values far too large?"
            raise RunError(f"{self.folder}: {said}")
        return told

    def _inputs(self, views: Views, present: Present) -> tuple[Views, Present]:
        """All modalities, those that are missing as zeros, and which samples have which."""
        size = len(next(iter(views.values())))
        whole = {
            m: views[m] if m in views else np.zeros((size, *shape), np.float32)
            for m, shape in self.shapes.items()
        }
        nobody = np.zeros(size, bool)
        return whole, {m: present.get(m, nobody) for m in self.shapes}

    def _engine(self, small: bool) -> Engine:
        return self._by_either if small and self._numpy else self._by_torch

    def _by_either(self, views: Views, present: Present) -> Floats:
        assert self._numpy is not None
        try:
            return self._numpy(views, present)
        except TooLargeError:  # torch needs less room and time for the same
            return self._by_torch(views, present)

    def _by_torch(self, views: Views, present: Present) -> Floats:
        if self._torch is None:
            from armtune.bundle.serving import load_served

            self._torch = load_served(self.folder, self.shapes, self.target)
        return self._torch(views, present)


def _prepared(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What training rows fitted of each modality's columns.

    Raises:
        RunError: the file isn't what an export writes.
    """
    from armtune.data.columns.modalities import File
    from armtune.data.columns.modalities import restored as prepared

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for modality, shape in shapes.items():
            by = prepared(found[modality])
            if not isinstance(by, File) and by.shape != shape:
                raise ValueError(f"{modality}: columns give {by.shape}, not {shape}")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path}: can't be read: {reason(error)}") from error
    return dict(found)


def _target(manifest: Mapping[str, Any], folder: Path) -> Target:
    about = manifest["target"]
    try:
        target = restored(about)
    except (KeyError, TypeError, AttributeError) as error:
        said = f"its target {str(about)[:200]} is of no kind that this version knows"
        raise RunError(f"{folder / MANIFEST}: {said}") from error
    for name, value in asdict(target).items():
        if not _is_proper(name, value, target.width):
            raise RunError(f"{folder / MANIFEST}: its target has no proper {name}")
    return target


def _is_proper(name: str, value: Any, width: int) -> bool:
    """Whether a target may have such a value under this name."""
    if name == "temperature":
        return type(value) in (int, float) and 0 < value < inf
    if name == "smoothing":  # of training's losses alone, so that no model serves with it
        return type(value) in (int, float) and value == 0
    if name == "thresholds" and value == ():
        return True
    kinds = (str,) if name == "names" else (int, float)
    right = isinstance(value, tuple) and all(type(each) in kinds for each in value)
    return right and len(value) == width and bool(value)
