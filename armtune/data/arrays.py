"""Your own data, from an ``.npz`` file or a folder of ``.npy`` files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from armtune.data import Data, Dataset, Progress


class Arrays(Data):
    """Arrays from an ``.npz`` file or a folder of ``.npy`` files (memory-mapped), one a modality.

    The arrays ``train_index``, ``validation_index`` and ``test_index`` (sample numbers), or one
    array ``split`` (``train``, ``validation`` or ``test`` for each sample), cut the samples.
    Cuts that are not given are drawn by ``seed``: test from all, validation from the rest.
    """

    name: Literal["arrays"] = "arrays"
    path: str
    """File or folder, relative to the recipe, else to ``$ARMTUNE_DATA``."""
    labels: str = "label"
    """Key of the labels: integers from 0, or strings."""
    views: dict[str, str] = Field(default_factory=dict)
    """Key of each modality's array; empty when keys are the modalities' names."""
    groups: str | None = None
    """Key of each sample's group (such as its subject); no group is ever cut in two."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training samples cut off for validation where the file has no such cut."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share of all samples cut off for test where the file has no such cut."""
    seed: int = Field(0, ge=0)
    """Seed of the cuts."""

    def modalities(self) -> tuple[str, ...] | None:
        return tuple(self.views) or None

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        raise NotImplementedError
