"""Your own data, from an ``.npz`` file or a folder of ``.npy`` files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Dataset, Progress, Split
from armtune.data.cache import digest_of, file_digest
from armtune.data.downloads import data_folders, find
from armtune.data.formats.numpy_files import ArrayStore, Store
from armtune.data.missing_modalities import Absent, scan, settle, skipped
from armtune.data.rows import Mask, as_float32, taken
from armtune.data.splits import (
    Index,
    Indices,
    divided,
    given_splits,
    numbered,
    random_split,
    way_of_cutting,
)
from armtune.datasets import Labelled, told
from armtune.errors import DataError
from armtune.targets import Target
from armtune.targets._names import as_names, doubt


class Arrays(Labelled):
    """Arrays from an ``.npz`` file or a folder of ``.npy`` files, one for each modality.

    The arrays ``train_index``, ``validation_index`` and ``test_index`` (sample numbers), or one
    array ``split`` (``train``, ``validation`` or ``test`` for each sample), cut the samples;
    what neither says is cut off the training samples by ``seed``.
    """

    paths = ("path",)

    name: Literal["arrays"] = "arrays"
    path: str
    """File or folder, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    labels: str = "label"
    """Key of the labels: integers from 0 or strings; for ``target: labels`` a matrix of 0 and 1,
    whose names may stand in ``<key>_names``; for ``values`` numbers, one or several a sample."""
    views: dict[str, str] = Field(default_factory=dict)
    """Key of each modality's array; empty when the keys are the modalities' names."""
    groups: str | None = None
    """Key of each sample's group, such as its subject; cuts by ``seed`` never split a group."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation, where the file has no such cut."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share cut off for test before that, where the file has no such cut."""
    seed: int = Field(0, ge=0)
    """Seed of these cuts."""
    missing: Literal["error", "mean"] = "error"
    """What becomes of single numbers of a sample that are NaN: an error, or their mean over the
    training samples."""
    absent: Absent = "error"
    """What becomes of samples that lack a modality, which is NaN throughout or false in an array
    called as the modality's and ``_present``: an error, kept, or left out."""

    @property
    def fills(self) -> Literal["", "cells"]:
        return "" if self.missing == "error" else "cells"

    def modalities(self) -> tuple[str, ...] | None:
        return tuple(self.views) or None

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        path = find(self.path, [folder, *data_folders(None, folder)])
        store = ArrayStore(path)
        target, labels = self.predicts.read(*read_labels(store, self.labels))
        groups = self._groups(store, len(labels))
        views: dict[str, NDArray[Any]] = {}
        present: dict[str, Mask] = {}
        for done, name in enumerate(modalities):
            progress("reading arrays", done, len(modalities))
            key = self.views.get(name, name)
            holes = self.missing == "mean"
            views[name], present[name] = read_view(store, key, len(labels), holes)
        progress("reading arrays", len(modalities), len(modalities))
        lacked, used = settle(self.absent, present, str(path))
        indices, shared = self._indices(store, target, labels, groups, used)
        indices = {split: index[used[index]] for split, index in indices.items()}
        filled = 0
        if self.missing == "mean":
            for name, view in views.items():
                place = store.at(self.views.get(name, name))
                views[name], count = filled_view(view, present[name], indices["train"], place)
                filled += count
        whole = Split(views, labels, lacked, None if groups is None else numbered(groups))
        target = target.fitted(labels, indices["train"], str(path))
        train, validation, test = (taken(whole, index) for index in indices.values())
        words = self._describe(path, target, (train, validation, test))
        words += f"; {filled} numbers that were NaN filled by training means" if filled else ""
        words += skipped(int((~used).sum())) + shared + doubt(target.names)
        return Dataset(self.name, words, target, train, validation, test, self._digest(store))

    def _groups(self, store: ArrayStore, length: int) -> NDArray[np.generic] | None:
        """Name of each sample's group, where there are groups."""
        if self.groups is None:
            return None
        return as_names(read_column(store, self.groups, length), store.at(self.groups))

    def _indices(
        self,
        store: ArrayStore,
        target: Target,
        labels: NDArray[Any],
        groups: NDArray[np.generic] | None,
        used: Mask,
    ) -> tuple[Indices, str]:
        """The splits, and a warning of groups that those of the file divide."""
        shares = {"test": self.test, "validation": self.validation}
        given = given_splits(store, len(labels))
        rng = np.random.default_rng(self.seed)
        indices = random_split(given, target, labels, groups, shares, rng, used)
        return indices, divided(indices, given, groups)

    def _digest(self, store: ArrayStore) -> str:
        # What came later is left out where it changes nothing: runs of before go on.
        later = {"missing"} if self.missing == "error" else set[str]()
        options = self.model_dump(exclude={"path", "otherwise"} | later)
        contents = {path.name: file_digest(path) for path in store.files}
        cuts = way_of_cutting(self.predicts)
        return digest_of({"options": options, "files": contents, **cuts})

    def _describe(self, path: Path, target: Target, splits: Sequence[Split]) -> str:
        sizes = " + ".join(str(len(split)) for split in splits)
        return f"arrays from {path.name}: {told(target, self.labels)}, {sizes} samples"


def read_labels(store: Store, key: str) -> tuple[NDArray[np.generic], str, list[str]]:
    """The labels as they are, ``(sample, …)``, where they stand, and what ``<key>_names`` holds.

    Raises:
        DataError: they are missing or none.
    """
    labels = store.get(key)
    if not labels.ndim or not len(labels):
        raise DataError(f"{store.at(key)}: must have one label a sample, not shape {labels.shape}")
    names = f"{key}_names"
    known: list[str] = []
    if names in store:
        known = as_names(read_column(store, names), store.at(names)).astype(str).tolist()
    return labels, store.at(key), known


def read_column(store: Store, key: str, length: int | None = None) -> NDArray[np.generic]:
    """One value for each sample, ``(sample,)``.

    Raises:
        DataError: it is missing, empty, or not of that shape.
    """
    column = store.get(key)
    if column.ndim != 1 or len(column) == 0:
        raise DataError(f"{store.at(key)}: must have one value a sample, not shape {column.shape}")
    if length is not None and len(column) != length:
        raise DataError(f"{store.at(key)}: has {len(column)} values, the labels have {length}")
    return column


def read_view(
    store: Store, key: str, length: int, holes: bool = False
) -> tuple[NDArray[Any], Mask]:
    """One modality's samples ``(sample, *shape)``, of a type that becomes float32, and which of
    them are there, ``(sample,)``; these are finite.

    Args:
        holes: whether some of their numbers may be NaN.

    Raises:
        DataError: it is missing, has another length, holds no numbers, or NaN or infinity.
    """
    view = store.get(key)
    if view.dtype.kind not in "fiub":
        raise DataError(f"{store.at(key)}: must hold real numbers, not {view.dtype}")
    if view.ndim < 2:
        raise DataError(
            f"{store.at(key)}: has one number a sample, shape {view.shape}; "
            f"a view is (sample, feature, …), so reshape it to (sample, 1)"
        )
    if len(view) != length or not view.size:
        raise DataError(f"{store.at(key)}: has shape {view.shape} for {length} labels")
    there = np.ones(length, bool)
    if f"{key}_present" in store:
        there = read_column(store, f"{key}_present", length).astype(bool)
    present, bad = scan(view, there, holes)
    if bad is not None:
        hint = "" if holes else "; missing: mean would fill NaN"
        raise DataError(f"{store.at(key)}: NaN or infinity (as float32) in sample {bad}{hint}")
    return view, present


def filled_view(
    view: NDArray[Any], present: Mask, train: Index, place: str
) -> tuple[NDArray[Any], int]:
    """A view whose NaN are the training samples' means, number by number, and how many were.

    Raises:
        DataError: a number that is missing somewhere is in no training sample.
    """
    holes = np.isnan(view) & present.reshape(-1, *[1] * (view.ndim - 1))
    if not holes.any():
        return view, 0
    known = np.asarray(view[train[present[train]]], np.float64)
    counts = (~np.isnan(known)).sum(axis=0)
    if (holes.any(axis=0) & (counts == 0)).any():
        raise DataError(f"{place}: a number is NaN in all training samples; leave it out")
    means = np.nansum(known, axis=0) / np.maximum(counts, 1)
    return as_float32(np.where(holes, means, view)), int(holes.sum())
