"""CMU-MOSEI and CMU-MOSI on tiny files of the published layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from armtune.data import Dataset
from armtune.data.formats.csd import Track, open_sequences
from armtune.datasets._opinions import MODALITIES, Opinions, over
from armtune.datasets.cmu_mosei import CmuMosei
from armtune.datasets.cmu_mosi import CmuMosi
from armtune.errors import DataError, MissingDataError
from armtune.recipe.load import load_recipe
from armtune.training.loop import Run, train

pytest.importorskip("h5py")

from tests.datasets import opinion_files as files

ROOT = Path(__file__).parents[2]
BOTH = {"cmu_mosei": CmuMosei, "cmu_mosi": CmuMosi}


@pytest.fixture(params=BOTH)
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Opinions:
    made: Opinions = BOTH[request.param](words=5)
    files.write(made, tmp_path / made.path)
    return made


@pytest.fixture
def mosi(tmp_path: Path) -> CmuMosi:
    made = CmuMosi(words=5)
    files.write(made, tmp_path / made.path)
    return made


def read(data: Opinions, folder: Path) -> Dataset:
    return data.read(MODALITIES, folder, lambda *_: None)


def test_one_step_a_word_in_every_modality(data: Opinions, tmp_path: Path) -> None:
    dataset = read(data, tmp_path)
    assert dataset.shapes == {"text": (5, 6), "audio": (5, 4), "vision": (5, 3)}
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [60, 20, 20]
    assert isinstance(dataset.train.views["audio"], np.memmap)
    # A video's segments have 2, 3, 4, 5 and 6 words; the sixth is cut off.
    for view in dataset.test.views.values():
        assert (view != 0).any(axis=2).sum(axis=1).tolist() == [2, 3, 4, 5, 5] * 4
        assert (view[0, 2:] == 0).all()


def test_steps_hold_what_the_files_say(mosi: CmuMosi, tmp_path: Path) -> None:
    base, dataset = tmp_path / mosi.path, read(mosi, tmp_path)
    with (
        open_sequences(base / mosi.file_of("text")) as text,
        open_sequences(base / mosi.file_of("audio")) as audio,
    ):
        words, voice = text["video000"], audio["video000"]
    # The second segment begins at 4 s, with a word from there to 4.5 s: ten steps of the voice.
    assert np.allclose(dataset.train.views["text"][1, :3], words.features[2:5])
    assert np.allclose(dataset.train.views["audio"][1, 0], voice.features[80:90].mean(0), atol=1e-5)


def test_labels_are_negative_or_not_or_rounded(mosi: CmuMosi, tmp_path: Path) -> None:
    with open_sequences(tmp_path / mosi.path / mosi.file_of("labels")) as labels:
        scores = np.concatenate([labels[v].features[:, 0] for v in sorted(labels.videos)])[:60]
    two = read(mosi, tmp_path)
    assert two.target.names == ("negative", "non-negative")
    assert two.train.labels.tolist() == (scores >= 0).astype(int).tolist()
    seven = read(mosi.model_copy(update={"classes": 7}), tmp_path)
    assert seven.target.names == ("-3", "-2", "-1", "0", "1", "2", "3")
    assert seven.train.labels.tolist() == (scores + 3).astype(int).tolist()


def test_scores_between_classes_are_rounded_and_clipped(mosi: CmuMosi, tmp_path: Path) -> None:
    videos = [f"video0{k:02d}" for k in range(20)]
    intervals = 4.0 * np.stack([np.arange(5), np.arange(1, 6)], axis=1)
    scores = {0: [-3.4, -2.6, -2.4, -1.2, 0.4], 1: [1.4, 2.4, 2.6, 3.4, -0.4]}
    tracks = {v: (np.array(scores[k % 2])[:, None], intervals) for k, v in enumerate(videos)}
    files.write_sequences(tmp_path / mosi.path / mosi.file_of("labels"), "labels", tracks)
    seven = read(mosi.model_copy(update={"classes": 7}), tmp_path)
    assert seven.train.labels[:10].tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 6, 3]


def test_a_mean_over_an_interval_and_none_over_an_empty_one() -> None:
    track = Track(np.array([[1.0], [2.0], [6.0]]), np.array([[0, 1], [1, 2], [2, 3.0]]))
    found = over(np.array([[0, 2], [1, 3], [0.6, 1.4], [9, 10.0]]), track)
    assert found.features.tolist() == [[1.5], [4.0], [0.0], [0.0]]


def test_what_some_file_lacks_or_no_fold_names_is_left_out(mosi: CmuMosi, tmp_path: Path) -> None:
    base = tmp_path / mosi.path
    folds = base / mosi.file_of("folds")
    folds.write_text(folds.read_text().replace("'video019'", "'stranger'"))
    with open_sequences(base / mosi.file_of("vision")) as vision:
        tracks = {v: tuple(vision[v]) for v in vision.videos - {"video000"}}
    files.write_sequences(base / mosi.file_of("vision"), "FACET 4.2", tracks)
    dataset = read(mosi, tmp_path)
    assert [len(s) for s in (dataset.train, dataset.test)] == [55, 15]
    assert dataset.description.endswith("55 + 20 + 15 segments, 10 left out")


def test_a_class_that_cannot_be_learnt_is_named(mosi: CmuMosi, tmp_path: Path) -> None:
    path = tmp_path / mosi.path / mosi.file_of("labels")
    with open_sequences(path) as labels:
        tracks = {v: (np.abs(labels[v].features), labels[v].intervals) for v in labels.videos}
    files.write_sequences(path, "labels", tracks)
    with pytest.raises(DataError, match="class 'negative' has no sample"):
        read(mosi, tmp_path)


def test_a_fold_that_the_files_do_not_have_is_named(mosi: CmuMosi, tmp_path: Path) -> None:
    folds = {"train": ["video000"], "valid": ["x"], "test": ["video001"]}
    files.write_folds(tmp_path / mosi.path / mosi.file_of("folds"), folds)
    with pytest.raises(DataError, match="no segment of the validation fold is in all files"):
        read(mosi, tmp_path)


@pytest.mark.parametrize("key", ["text", "audio", "vision", "labels", "folds"])
def test_a_missing_file_is_named(mosi: CmuMosi, tmp_path: Path, key: str) -> None:
    (tmp_path / mosi.path / mosi.file_of(key)).unlink()
    with pytest.raises(MissingDataError, match=f"{mosi.file_of(key)} is not in .*cmu_mosi"):
        read(mosi, tmp_path)


def test_the_recipe_trains_two_epochs(
    data: Opinions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARMTUNE_DATA", str(tmp_path))
    changes = ["data.words=5", "training.epochs=2", "training.batch_size=10"]
    recipe = load_recipe(ROOT / f"recipes/{data.name}.yaml", changes)
    dataset = recipe.data.read(tuple(recipe.modalities), ROOT / "recipes", lambda *_: None)
    run = Run([recipe], dataset)
    train(run, lambda *_: None)
    assert run.best[0]["accuracy"] > 0.6
