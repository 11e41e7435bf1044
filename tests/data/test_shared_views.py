"""Standardised views that processes share: the numbers of one's own, made once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from armtune.data import cache
from armtune.data.rows import is_mapped, taken
from armtune.data.shared_views import shared_view
from armtune.data.standardize import SCALINGS, fit
from armtune.testing.toys import TWO, toy_dataset, toy_recipe, with_holes
from armtune.training.samples import DeviceSplit, Samples

VIEW = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
THERE = np.arange(50) % 5 > 0


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path))
    return tmp_path


def test_it_is_standardised_with_zeros_where_samples_are_absent() -> None:
    scale = fit(VIEW, THERE)
    expected = scale.apply(VIEW)
    expected[~THERE] = 0
    np.testing.assert_array_equal(shared_view(VIEW, THERE, scale, "x"), expected)


def test_it_is_made_once_for_the_same_data_and_scale(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = fit(VIEW)
    first = shared_view(VIEW, None, scale, "x")
    assert is_mapped(first)
    shared_view(VIEW, None, fit(VIEW[:9]), "x")
    shared_view(VIEW, None, scale, "y")
    assert len([path for path in root.iterdir() if path.name != cache.LOCK]) == 3
    monkeypatch.setattr(cache, "CacheWriter", None)  # nothing can be built any more
    np.testing.assert_array_equal(shared_view(VIEW, None, scale, "x"), first)


def test_samples_are_the_same_shared_or_not(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    dataset, recipe = with_holes(toy_dataset()), toy_recipe()
    own = Samples(recipe, dataset, "cpu").train
    assert not list(root.iterdir())
    small = Samples(recipe, dataset, "cpu", shared=True)
    assert not list(root.iterdir())
    monkeypatch.setattr("armtune.training.samples.SHARED_FROM", 0)
    double = Samples(recipe, dataset, "cpu", torch.float64, shared=True)
    assert not list(root.iterdir())
    shared = Samples(recipe, dataset, "cpu", shared=True).train
    assert list(root.iterdir())
    for split in (own, small.train, shared, double.train):
        assert isinstance(split, DeviceSplit)
    for m, view in own.views.items():  # type: ignore[attr-defined]
        assert torch.equal(view, shared.views[m])  # type: ignore[attr-defined]


def test_samples_that_other_modalities_left_over_are_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("armtune.training.samples.SHARED_FROM", 0)
    monkeypatch.setitem(SCALINGS, "standardized", SCALINGS["unchanged"])
    for third in ("touch", "smell"):
        whole = toy_dataset({**TWO, third: (4,)})
        half = np.flatnonzero(np.arange(240) % 2 == (third == "touch"))
        dataset = replace(whole, train=taken(whole.train, half))
        train = Samples(toy_recipe(), dataset, "cpu", shared=True).train
        [first] = train.chunks(240)
        expected = torch.from_numpy(np.asarray(dataset.train.views["image"]))
        assert torch.equal(first.views["image"], expected)


def test_where_the_cache_cannot_be_written_each_has_its_own(
    monkeypatch: pytest.MonkeyPatch, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "file").touch()
    monkeypatch.setenv("ARMTUNE_CACHE", str(root / "file" / "cache"))
    monkeypatch.setattr("armtune.training.samples.SHARED_FROM", 0)
    dataset = toy_dataset()
    found, own = (Samples(toy_recipe(), dataset, "cpu", shared=s).train for s in (True, False))
    for m, view in own.views.items():  # type: ignore[attr-defined]
        assert torch.equal(view, found.views[m])  # type: ignore[attr-defined]
    assert "each worker holds its own image" in caplog.text
