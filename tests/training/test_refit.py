"""Training on training and validation samples together, to the last epoch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from armtune.data import Dataset, Split
from armtune.data.rows import Stacked, stacked, taken
from armtune.testing.toys import with_holes
from armtune.training.loop import Run, train
from armtune.training.samples import Samples
from tests.conftest import TWO, toy_dataset, toy_recipe


def weights(run: Run, folder: Path) -> dict[str, torch.Tensor]:
    run.save_model(folder / "model")
    return load_file(folder / "model")


def trained(dataset: Dataset, epochs: int = 4) -> Run:
    run = Run([toy_recipe(epochs=epochs, refit=True)], dataset)
    train(run, lambda *_: None)
    return run


@pytest.mark.parametrize("holes", [False, True])
def test_it_is_the_training_on_all_those_samples(holes: bool, tmp_path: Path) -> None:
    dataset = with_holes(toy_dataset()) if holes else toy_dataset()
    whole = replace(dataset, train=stacked(dataset.train, dataset.validation))
    assert len(whole.train) == 330
    refit, plain = trained(dataset), Run([toy_recipe(epochs=4)], whole)
    for _ in range(4):
        plain.advance()
    found = weights(refit, tmp_path)
    names = plain.flat.named(plain.kept.learnt()["parameters"])
    for name, expected in names.items():
        torch.testing.assert_close(found[name], expected[0])
    for m in TWO:
        np.testing.assert_array_equal(refit.scales[m].mean, plain.scales[m].mean)


def test_the_last_epoch_counts() -> None:
    # So large a learning rate makes epochs worse at times.
    recipe = toy_recipe(epochs=6, refit=True, decay="none", optimizer={"name": "adamw", "lr": 0.9})
    run, stages = Run([recipe], toy_dataset()), []
    scores: list[float] = []

    def heard(epoch: int, metrics: list[dict[str, float]]) -> None:
        scores.append(metrics[0]["accuracy"])
        stages.append(run.kept.learnt()["parameters"].clone())
        torch.testing.assert_close(run.kept.state["parameters"], stages[-1])

    train(run, heard)
    assert scores != sorted(scores)
    assert run.best[0]["epoch"] == 6


def test_test_samples_change_nothing_of_it(tmp_path: Path) -> None:
    dataset = toy_dataset()
    other = {m: np.full_like(v, 7) for m, v in dataset.test.views.items()}
    changed = replace(dataset, test=Split(other, dataset.test.labels))
    one, two = (weights(trained(d, epochs=3), tmp_path) for d in (dataset, changed))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=0)


def test_samples_know_whether_they_are_all(tmp_path: Path) -> None:
    plain, refit = toy_recipe(epochs=4), toy_recipe(epochs=4, refit=True)
    samples = Samples(refit, toy_dataset(), "cpu")
    assert (len(samples.train), len(samples.validation)) == (330, 90)
    assert samples.serve(refit)
    assert not samples.serve(plain)
    assert not Samples(plain, toy_dataset(), "cpu").serve(refit)


def test_views_in_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    array = np.arange(60, dtype=np.float32).reshape(20, 3)
    np.save(tmp_path / "a.npy", array)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    split = Split({"a": mapped}, np.arange(20))
    first, second = (taken(split, np.array(rows)) for rows in ([7, 1, 3], [0, 9]))
    view = stacked(first, second).views["a"]
    assert isinstance(view, Stacked)
    expected = array[[7, 1, 3, 0, 9]]
    np.testing.assert_array_equal(view, expected)
    np.testing.assert_array_equal(view[1:4], expected[1:4])
    np.testing.assert_array_equal(view[np.array([4, 0, 4])], expected[[4, 0, 4]])
    np.testing.assert_array_equal(view[3], expected[3])
    again = taken(stacked(first, second), np.array([4, 1])).views["a"]
    np.testing.assert_array_equal(again, expected[[4, 1]])
