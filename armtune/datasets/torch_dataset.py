"""A PyTorch map-style data set of one's own, from a file of plug-ins: a subclass of ``TorchData``.

Nothing here imports torch: a sample's tensors become arrays by numpy's own protocol.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Dataset, Progress, Split
from armtune.data.assembly import assembled, read_splits
from armtune.data.cache import digest_of, file_digest
from armtune.data.missing_modalities import Absent
from armtune.data.rows import as_float32
from armtune.data.splits import SPLITS, way_of_cutting
from armtune.data.staging import Raw
from armtune.datasets import Labelled
from armtune.errors import DataError
from armtune.targets import Target

BUILDER = 1
"""Raised whenever the same samples would give other arrays, so that no old cache is used."""
EVERY = 256
"""Samples between two words of progress."""


class MapStyle(Protocol):
    """What ``torch.utils.data.Dataset`` offers, map-style: samples by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any:
        """A sample: the modalities' tensors or arrays by name, and its label."""


class TorchData(Labelled):
    """Base of data sets whose samples come from a PyTorch data set.

    A subclass has a ``name``, its own options, and ``modalities`` and ``datasets``. Every sample
    is read once and kept in the cache, so transforms that draw at random are drawn once.
    """

    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, where there is no such data set."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share cut off for test before that, where there is no such data set."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""
    absent: Absent = "error"
    """What becomes of samples that lack a modality: an error, kept, or left out."""

    def datasets(self, folder: Path) -> Mapping[str, MapStyle]:
        """The data sets: ``train``, and ``validation`` and ``test`` where there are such.

        A sample is ``({modality: tensor}, label)``: a class's number from 0, or with
        ``target: labels`` zeros and ones, or with ``target: values`` one number or several. None
        stands for a modality that it lacks.

        Args:
            folder: the recipe's folder, from which relative paths are taken.

        Raises:
            MissingDataError: files can't be had.
            DataError: they are damaged.
        """
        raise NotImplementedError

    def files(self, folder: Path) -> Sequence[Path]:
        """Files that the samples are made from: where one changes, the cache is built again."""
        return ()

    def class_names(self) -> Sequence[str] | None:
        """The classes' or labels' names in order, or a value's; None for their numbers."""
        return None

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        digest = self._digest(modalities, folder)

        def make(scratch: Path) -> tuple[dict[str, Split], Target]:
            names = self.class_names() or ()
            parts = self._parts(modalities, folder, scratch, progress)
            return read_splits(parts, lambda raw: self.predicts.read(raw, self.name, names))

        cuts = {"test": self.test, "validation": self.validation}, self.seed
        words = f"{self.name}, a PyTorch data set"
        return assembled(self.name, digest, modalities, make, self.absent, cuts, words, self.name)

    def _digest(self, modalities: Sequence[str], folder: Path) -> str:
        """Of the options, the files, and the code of the subclass's own file."""
        code = sys.modules[type(self).__module__].__file__
        assert code is not None, "plug-ins come from files"
        options = self.model_dump(exclude={"otherwise", *self.paths})
        contents = [file_digest(path) for path in (Path(code), *self.files(folder))]
        parts = {"builder": BUILDER, "options": options, "files": contents}
        cuts = way_of_cutting(self.predicts)
        return digest_of({**parts, "modalities": sorted(modalities), **cuts})

    def _parts(
        self, modalities: Sequence[str], folder: Path, scratch: Path, progress: Progress
    ) -> dict[str, Split]:
        given = self.datasets(folder)
        if "train" not in given or not set(given) <= set(SPLITS):
            raise DataError(
                f"{self.name}: datasets() must give train, and may give validation and test, "
                f"not {', '.join(given) or 'nothing'}"
            )
        # Training first, whatever the order given.
        return {
            split: gather(
                given[split], modalities, f"{self.name}, {split}", scratch / split, progress
            )
            for split in SPLITS
            if split in given
        }


def gather(
    samples: MapStyle, modalities: Sequence[str], place: str, scratch: Path, progress: Progress
) -> Split:
    """All samples as arrays, in files of a folder.

    Args:
        samples: the data set.
        modalities: those to keep.
        place: what messages and progress call it.
        scratch: the folder, which is made here.

    Raises:
        DataError: there is none, or one isn't as the first, not finite, or has no such label.
    """
    count = len(samples)
    if not count:
        raise DataError(f"{place}: has no sample")
    labels: list[NDArray[Any]] = []
    scratch.mkdir()
    with Raw(scratch, modalities) as raw:
        for number in range(count):
            where = f"{place}, sample {number}"
            own, label = _sample(samples[number], modalities, where)
            if labels and label.shape != labels[0].shape:
                first = labels[0].shape
                raise DataError(f"{where}: its label has shape {label.shape}, not {first}")
            labels.append(label)
            raw.add(own, {m: f"{where}: {m}" for m in own})
            if number % EVERY == 0 or number + 1 == count:
                progress(f"reading {place}", number + 1, count)
    return raw.split(np.stack(labels))


def _sample(
    sample: Any, modalities: Sequence[str], where: str
) -> tuple[dict[str, NDArray[np.float32]], NDArray[Any]]:
    if not isinstance(sample, (tuple, list)) or len(sample) != 2 or not hasattr(sample[0], "keys"):
        raise DataError(f"{where}: must be ({{modality: tensor}}, label), not {type(sample)}")
    own, label = sample[0], np.asarray(sample[1])
    if label.dtype.kind not in "biuf":
        raise DataError(f"{where}: the label must be a number or several, not {sample[1]!r}")
    for modality in modalities:
        if modality not in own:
            raise DataError(f"{where}: has no {modality!r}; it has {', '.join(own)}")
    views = {m: _array(own[m], f"{where}: {m}") for m in modalities if own[m] is not None}
    for modality, view in views.items():
        if not np.isfinite(view).all():
            raise DataError(f"{where}: {modality} holds NaN or infinity (as float32)")
    return views, label


def _array(value: Any, where: str) -> NDArray[np.float32]:
    """A tensor or array as float32 with one axis at least."""
    try:
        return np.atleast_1d(as_float32(value))
    except (RuntimeError, TypeError, ValueError) as error:
        raise DataError(
            f"{where}: must be numbers, on the CPU and detached ({str(error).splitlines()[0]})"
        ) from error
