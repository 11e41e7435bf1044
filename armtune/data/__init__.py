"""What data sets have in common: arrays, splits, absent modalities, scaling, the cache.

Nothing here imports torch. The data sets that a recipe can name stand in ``armtune.datasets``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data.folds import Folds
from armtune.targets import Target

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
        groups: number of each sample's group ``(sample,)``, the same in all splits, where cuts
            must not divide groups.
    """

    views: Mapping[str, NDArray[np.float32]]
    labels: NDArray[Any]
    present: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    groups: NDArray[np.int64] | None = None

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
        prepared: what training rows fitted of modalities that are columns of a table, as
            ``data.columns.modalities`` has it: plain data, by which new rows are prepared alike.
        vocabularies: words of modalities that are numbers of words, as ``data.vocabulary`` has
            them, where ``prepared`` doesn't tell them.
        guesses: what each column of a table was taken for, and why, as ``guess.Guess`` has it,
            with its ``modality``.
        folds: how training and validation samples take turns to be held out; None where the
            validation split is what trainings are judged by.
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
    prepared: Mapping[str, Any] = field(default_factory=dict)
    vocabularies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    guesses: Sequence[Mapping[str, Any]] = ()
    folds: Folds | None = None

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Each modality's sample shape, without the sample axis."""
        return {name: view.shape[1:] for name, view in self.train.views.items()}
