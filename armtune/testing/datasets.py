"""What every data set keeps to. Each check takes the data set's folder, and names of modalities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from armtune.data import Dataset, Split
from armtune.data.rows import Rows
from armtune.datasets import Data


def views_are_finite_aligned_and_of_one_shape(
    data: Data, folder: Path = Path(), names: Sequence[str] = ()
) -> None:
    """float32, one sample a label, none constant; only absent samples hold NaN."""
    dataset = _read(data, folder, names)
    for split in _splits(dataset):
        assert len(split) > 0
        for name, view in split.views.items():
            assert isinstance(view, (np.ndarray, Rows))
            assert view.dtype == np.float32, (name, view.dtype)
            assert view.shape == (len(split), *dataset.shapes[name]), (name, view.shape)
            there = split.present.get(name, np.ones(len(split), bool))
            assert there.shape == (len(split),), name
            assert np.isfinite(view[there]).all(), name
            assert view[there].std() > 0, name


def labels_are_what_the_target_says_and_can_be_learnt(
    data: Data, folder: Path = Path(), names: Sequence[str] = ()
) -> None:
    """Of the kind that ``predicts`` names, one a sample, and train has all that is to be learnt."""
    dataset = _read(data, folder, names)
    target = dataset.target
    assert type(target) is data.predicts, target
    assert all(isinstance(name, str) for name in target.names)
    for split in _splits(dataset):
        assert len(split.labels) == len(split)
        decided = target.decide(torch.zeros(1, len(split), target.width))
        labels = target.tensor(split.labels, "cpu", torch.float64)
        assert labels.shape == decided[0].shape, (labels.shape, decided.shape)
        assert labels.isfinite().all()
        assert target.read(split.labels, data.name, target.names)[0].names == target.names
    everyone = np.arange(len(dataset.train))
    assert target.fitted(dataset.train.labels, everyone, data.name) == target


def splits_share_no_sample(data: Data, folder: Path = Path(), names: Sequence[str] = ()) -> None:
    """No sample of the last modality is in two splits."""
    dataset = _read(data, folder, names)
    last = list(dataset.shapes)[-1]
    seen = [{sample.tobytes() for sample in s.views[last]} for s in _splits(dataset)]
    assert sum(map(len, seen)) == len(set.union(*seen))


def it_says_what_it_is(data: Data, folder: Path = Path(), names: Sequence[str] = ()) -> None:
    """Its name, one line of description, and a digest."""
    dataset = _read(data, folder, names)
    assert dataset.name == data.name
    assert dataset.description.strip()
    assert "\n" not in dataset.description
    assert int(dataset.digest, 16) >= 0
    assert not dataset.stand_in


def modalities_come_in_the_order_asked_for(
    data: Data, folder: Path = Path(), names: Sequence[str] = ()
) -> None:
    """Backwards too."""
    backwards = tuple(names or data.modalities() or ())[::-1]
    dataset = _read(data, folder, backwards)
    assert tuple(dataset.shapes) == backwards
    for split in _splits(dataset):
        assert tuple(split.views) == backwards


def _read(data: Data, folder: Path, names: Sequence[str]) -> Dataset:
    wanted = tuple(names or data.modalities() or ())
    assert wanted, "say which modalities: the data set itself can't"
    return data.read(wanted, folder, lambda what, done, total: None)


def _splits(dataset: Dataset) -> list[Split]:
    return [dataset.train, dataset.validation, dataset.test]
