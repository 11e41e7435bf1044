"""Streamed samples: what samples in memory give, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from armtune.data import Dataset
from armtune.data.rows import is_mapped
from armtune.datasets.arrays import Arrays
from armtune.nn.forward import Batch
from armtune.recipe.schema import Recipe
from armtune.testing.toys import TWO, toy_dataset, toy_recipe, with_holes
from armtune.training.loop import EpochMetrics, Run, train
from armtune.training.samples import DeviceSplit, Samples
from armtune.training.streamed_samples import StreamedSplit


def held(how: str, seed: int = 0, balancing: str = "none") -> Recipe:
    return toy_recipe(TWO, {"name": balancing}, data=how, seed=seed)


@pytest.fixture
def mapped(tmp_path: Path) -> Dataset:
    """The toy clouds, some of them with holes, from memory-mapped files."""
    parts = with_holes(toy_dataset())
    splits = [parts.train, parts.validation, parts.test]
    (tmp_path / "toy").mkdir()
    for m in TWO:
        view = np.concatenate([s.views[m] for s in splits]).astype(np.float64)
        view[~np.concatenate([s.present[m] for s in splits])] = np.nan
        np.save(tmp_path / "toy" / f"{m}.npy", view)
    np.save(tmp_path / "toy" / "label.npy", np.concatenate([s.labels for s in splits]))
    data = Arrays(path="toy", absent="keep")
    return data.read(tuple(TWO), tmp_path, lambda *_: None)


def curve(recipes: list[Recipe], data: Dataset, dtype: torch.dtype) -> list[list[EpochMetrics]]:
    run, epochs = Run(recipes, data, dtype=dtype), list[list[EpochMetrics]]()
    train(run, lambda _, metrics: epochs.append(metrics))
    return [*epochs, run.test()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("balancing", ["none", "arm", "unimodal_distillation"])
def test_a_training_is_the_same_to_the_last_bit(
    mapped: Dataset, dtype: torch.dtype, balancing: str
) -> None:
    assert all(is_mapped(view) for view in mapped.train.views.values())
    curves = [
        curve([held(how, seed, balancing) for seed in (0, 1)], mapped, dtype)
        for how in ("memory", "stream")
    ]
    assert curves[0] == curves[1]


def equal(one: Batch, other: Batch) -> bool:
    same = [torch.equal(one.labels, other.labels)]
    for ours, theirs in ((one.views, other.views), (one.present, other.present)):
        assert ours.keys() == theirs.keys()
        same += [torch.equal(ours[m], theirs[m]) for m in ours]
    return all(same)


def test_batches_and_chunks_are_those_of_memory(
    mapped: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of two members' batches of seven it takes two at once, and one at the end
    monkeypatch.setattr("armtune.training.samples.TAKEN", 30)
    memory, stream = (Samples(held(how), mapped, "cpu").train for how in ("memory", "stream"))
    assert isinstance(memory, DeviceSplit)
    assert isinstance(stream, StreamedSplit)
    rows = torch.randint(0, len(memory), (2, 33))
    for one, other in zip(memory.batches(rows, 7), stream.batches(rows, 7), strict=True):
        assert equal(one, other)
    for one, other in zip(memory.chunks(100), stream.chunks(100), strict=True):
        assert equal(one, other)
    assert equal(memory.take(rows), stream.take(rows))


@pytest.mark.parametrize(("free", "streams"), [(1 << 40, False), (1 << 10, True)])
def test_auto_streams_what_takes_much_of_the_free_memory(
    monkeypatch: pytest.MonkeyPatch, free: int, streams: bool
) -> None:
    monkeypatch.setattr("armtune.training.samples.free_memory", lambda device: free)
    samples = Samples(held("auto"), toy_dataset(), "cpu")
    assert samples.streams == streams
    assert isinstance(samples.test(), StreamedSplit) == streams
    assert samples.serve(held("auto"))
    assert not samples.serve(held("memory"))
