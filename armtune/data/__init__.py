"""Data sets: arrays in memory or memory-mapped, split into train, validation and test.

A data set is one file in this folder. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError
from armtune.options import Options
from armtune.targets import Target, kinds
from armtune.targets.classes import Classes

Shapes = Mapping[str, tuple[int, ...]]
"""Of each modality's samples, without the sample axis."""
Columns = Mapping[str, Sequence[str]]
"""What the numbers of a modality's samples are called, where they are columns of a table."""
Progress = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)`` while something slow goes on."""


@dataclass(frozen=True)
class Split:
    """Samples of one split.

    Attributes:
        views: for each modality an array ``(sample, *shape)``, float32, as the data set gives it
            (not standardised); or ``Rows`` of a memory-mapped one, from which slices are taken.
        labels: of each sample, ``(sample, …)``, as the target has them: classes have their
            numbers, ``(sample,)``, int64.
        present: which samples have a modality, ``(sample,)``, of the modalities that some lack;
            what the views hold for the others means nothing.
    """

    views: Mapping[str, NDArray[np.float32]]
    labels: NDArray[Any]
    present: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A data set, ready to train on.

    Attributes:
        name: the data set's plug-in name.
        description: one line that says which data were really used, for every report.
        target: what is predicted, and what it is called.
        digest: hexadecimal digest of the sources and options that made these arrays.
        stand_in: whether this is the ``otherwise:`` data set and not the one asked for.
        columns: of the modalities that are columns of a table.
    """

    name: str
    description: str
    target: Target
    train: Split
    validation: Split
    test: Split
    digest: str
    stand_in: bool = False
    columns: Columns = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Each modality's sample shape, without the sample axis."""
        return {name: view.shape[1:] for name, view in self.train.views.items()}


if TYPE_CHECKING:
    from armtune.inputs import Source

    Kind = str
else:
    Kind = Literal[tuple(kinds())]


class Data(Options):
    """Options of a data set and how to read it."""

    paths: ClassVar[tuple[str, ...]] = ()
    """Options that are paths, relative to the recipe's folder unless they are absolute."""

    name: str
    otherwise: str | None = None
    """Data set to use instead, with its default options, when this one's files can't be had."""

    @property
    def predicts(self) -> type[Target]:
        """The kind of target that the samples have."""
        return Classes

    @property
    def fills(self) -> Literal["", "cells", "samples"]:
        """What is filled with means over the training samples where it is empty: nothing, single
        cells of a sample's modality, or also all of them.
        """
        return ""

    def modalities(self) -> tuple[str, ...] | None:
        """The modalities this data set has; None when only its files can tell."""
        raise NotImplementedError

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        """Reads (or builds and caches) the data set.

        Args:
            modalities: the modalities to read, in the recipe's order.
            folder: the recipe's folder, from which relative paths are taken.
            progress: told about downloads and building.

        Raises:
            DataError: something is missing, damaged or inconsistent; names the file or view.
        """
        raise NotImplementedError

    def inputs(self, path: Path, shapes: Shapes, columns: Columns) -> Mapping[str, Source]:
        """Samples to predict, from a file with a row for each, read as those to learn from were.

        Args:
            path: a ``.csv``, ``.tsv`` or ``.parquet`` file. No labels are read from it.
            shapes: of each modality's samples, as the model reads them.
            columns: as the ``Dataset`` had them that the model learnt from.

        Raises:
            DataError: samples of this data set don't come from such files, or this one can't be
                read; names it.
        """
        raise DataError(
            f"{path}: a model of the data set {self.name} reads arrays, "
            f"from an .npz or a folder of .npy files"
        )


class Labelled(Data):
    """Base of data sets whose labels may be of any kind."""

    target: Kind = "classes"
    """What the labels are: each one of several ``classes``, any of several ``labels``, or
    ``values``, which are numbers."""

    @property
    def predicts(self) -> type[Target]:
        return kinds()[self.target]
