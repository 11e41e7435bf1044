"""Data sets that a recipe can name, one file each. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from armtune.data import Columns, Dataset, Progress, Shapes
from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.text_files import UTF_8
from armtune.errors import DataError
from armtune.plugins.options import Options
from armtune.targets import Target, kinds
from armtune.targets.classes import Classes

if TYPE_CHECKING:
    from armtune.data.inputs import Source

    Kind = str
else:
    Kind = Literal[tuple(kinds())]


class Data(Options):
    """Options of a data set and how to read it."""

    paths: ClassVar[tuple[str, ...]] = ()
    """Options that are paths, or have one for each of several names; relative to the recipe's
    folder unless they are absolute."""

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

    def named_files(self) -> dict[str, str]:
        """The paths that it names, by their options, such as ``path`` or ``tokenizers.text``."""
        given = {option: getattr(self, option) for option in self.paths}
        one = {option: value for option, value in given.items() if isinstance(value, str)}
        several = {option: value for option, value in given.items() if isinstance(value, Mapping)}
        return one | {f"{option}.{m}": v for option, own in several.items() for m, v in own.items()}

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

    def prepared_inputs(
        self, path: Path, shapes: Shapes, prepared: Mapping[str, Any]
    ) -> Mapping[str, Source]:
        """The same, of a data set whose rows are prepared by what training rows fitted.

        Args:
            prepared: as the ``Dataset`` had it that the model learnt from.

        Raises:
            DataError: see ``inputs``.
        """
        raise DataError(f"{path}: the data set {self.name} prepares no rows")

    def texts(self, path: Path, names: Sequence[str]) -> list[Sequence[str]]:
        """Columns of a file with a row a sample, as they stand there.

        Raises:
            DataError: the file can't be read, or lacks one; names it.
        """
        store = ColumnStore(path, self.text_encoding)
        return [store.untouched(name) for name in names]

    @property
    def text_encoding(self) -> str:
        """Of files of text."""
        return UTF_8


class Labelled(Data):
    """Base of data sets whose labels may be of any kind."""

    target: Kind = "classes"
    """What the labels are: each one of several ``classes``, any of several ``labels``, or
    ``values``, which are numbers."""

    @property
    def predicts(self) -> type[Target]:
        return kinds()[self.target]


def told(target: Target, column: str) -> str:
    """What is predicted, for a data set's description, with the column that it is read from."""
    plain = column in ("label", "labels") or column in target.names
    return str(target) if plain else f"{target} of {column!r}"
