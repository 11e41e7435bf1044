from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from armtune.data import Dataset
from armtune.data.standardize import fit
from armtune.datasets.avdigits import AvDigits


def read(**options: object) -> Dataset:
    data = AvDigits.model_validate(options)
    return data.read(("image", "audio"), Path(), lambda what, done, total: None)


def linear_accuracy(dataset: Dataset, views: Sequence[str]) -> float:
    """Test accuracy of ridge regression onto the classes."""
    scales = {view: fit(dataset.train.views[view]) for view in views}

    def features(split: str) -> np.ndarray:
        part = getattr(dataset, split).views
        flat = [scales[v].apply(part[v]).reshape(len(part[v]), -1) for v in views]
        return np.hstack([*flat, np.ones((len(flat[0]), 1), np.float32)])

    train, test = features("train"), features("test")
    ridge = train.T @ train + 300 * np.eye(train.shape[1])
    weights = np.linalg.solve(ridge, train.T @ np.eye(10)[dataset.train.labels])
    return float(np.mean((test @ weights).argmax(axis=1) == dataset.test.labels))


@pytest.fixture
def dataset() -> Dataset:
    return read()


def test_uses_every_image_once(dataset: Dataset) -> None:
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part) for part in parts] == [1197, 300, 300]
    whole = np.concatenate([part.views["image"] for part in parts]).reshape(1797, -1)
    assert len(np.unique(whole.round(4), axis=0)) > 1780
    assert "synthesised" in dataset.description


def test_neither_modality_is_trivial_and_both_together_are_better(dataset: Dataset) -> None:
    image, audio, both = (
        linear_accuracy(dataset, views) for views in (["image"], ["audio"], ["image", "audio"])
    )
    assert 0.75 < image < 0.95
    assert 0.55 < audio < 0.85
    assert both > max(image, audio) + 0.02


def test_clean_words_are_understood() -> None:
    assert linear_accuracy(read(noise="none"), ["audio"]) > 0.95


def test_unheard_voices_are_harder() -> None:
    shared, apart = (linear_accuracy(read(noise="none", voices=v), ["audio"]) for v in VOICES)
    assert 0.6 < apart < shared


VOICES = ("shared", "apart")


def test_voices_apart_share_nobody() -> None:
    people = {s: AvDigits(voices="apart")._voices(s) for s in ("train", "validation", "test")}
    pitches = [voice.pitch for part in people.values() for voice in part]
    assert [len(part) for part in people.values()] == [6, 2, 2]
    assert len(set(pitches)) == 10
