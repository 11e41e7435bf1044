"""Predicts from a bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.bundle.engine import Engine, Floats, Present, Views
from armtune.bundle.manifest import (
    MODEL,
    PREPROCESSING,
    PROGRAM,
    RECIPE,
    check_files,
    read_manifest,
)
from armtune.bundle.program import Program
from armtune.bundle.samples import Source, Whole, count_samples, pieces

FEW = 1 << 20
"""Input numbers up to which numpy predicts: torch computes faster, but takes a second to import."""


@dataclass(frozen=True)
class Prediction:
    """Classes and probabilities of samples.

    Attributes:
        classes: index of the likeliest class, ``(sample,)``.
        probabilities: ``(sample, class)``, each row summing to 1.
        class_names: the classes' names, in label order.
    """

    classes: NDArray[np.int64]
    probabilities: Floats
    class_names: Sequence[str]

    @property
    def names(self) -> list[str]:
        """Name of the likeliest class, one a sample."""
        return [self.class_names[c] for c in self.classes]


class Predictor:
    """A bundle, ready to predict.

    Args:
        folder: the bundle's folder.

    Attributes:
        class_names: the classes' names, in label order.
        shapes: each modality's sample shape, in the recipe's order.

    Raises:
        RunError: the folder isn't a bundle, or a file differs from its checksum.
    """

    def __init__(self, folder: Path) -> None:
        manifest = read_manifest(folder)
        self.folder = folder
        self.class_names: list[str] = manifest["classes"]
        self.shapes = {m: tuple(shape) for m, shape in manifest["shapes"].items()}
        programs = [PROGRAM] if PROGRAM in manifest["sha256"] else []
        check_files(folder, manifest, [MODEL, PREPROCESSING, RECIPE, *programs])
        self._numpy: Engine | None = Program(folder) if programs else None
        self._torch: Engine | None = None

    def predict(self, samples: Mapping[str, NDArray[Any]]) -> Prediction:
        """Classes and probabilities; a modality that isn't given is replaced by its mean feature.

        Args:
            samples: for each modality an array ``(sample, *shape)`` as the data set gives it.

        Raises:
            DataError: no or an unknown modality, other lengths or shapes, or values that are no
                finite numbers; names the modality and the sample.
        """
        sources = {m: Whole(np.asarray(array)) for m, array in samples.items()}
        parts = [part.probabilities for part in self.stream(sources)]
        nothing = np.empty((0, len(self.class_names)), np.float32)
        return self._prediction(np.concatenate([nothing, *parts]))

    def stream(self, samples: Mapping[str, Source]) -> Iterator[Prediction]:
        """The same piece by piece, so that the samples may be more than fit in memory."""
        count = count_samples(samples, self.shapes)
        engine = self._engine(count)
        for views in pieces(samples):
            yield self._prediction(engine(*self._inputs(views)))

    def _inputs(self, views: Views) -> tuple[Views, Present]:
        """All modalities, those that are missing as zeros, and which are there."""
        size = len(next(iter(views.values())))
        whole = {
            m: views[m] if m in views else np.zeros((size, *shape), np.float32)
            for m, shape in self.shapes.items()
        }
        return whole, {m: np.full(size, m in views) for m in self.shapes}

    def _prediction(self, probabilities: Floats) -> Prediction:
        return Prediction(probabilities.argmax(1), probabilities, self.class_names)

    def _engine(self, count: int) -> Engine:
        if self._numpy and count * sum(map(prod, self.shapes.values())) <= FEW:
            return self._numpy
        if self._torch is None:
            from armtune.bundle.serving import load_served

            self._torch = load_served(self.folder, self.shapes, len(self.class_names))
        return self._torch
