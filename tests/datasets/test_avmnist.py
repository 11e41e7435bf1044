from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from armtune.data import Dataset, Split
from armtune.data.formats import fsdd
from armtune.data.formats.fsdd import read_recordings
from armtune.data.splits import SPLITS
from armtune.datasets._noise import spectrograms
from armtune.datasets.avmnist import SOURCES, AvMnist
from armtune.errors import DataError, MissingDataError

BOTH = ("image", "audio")
Make = Callable[..., AvMnist]


def read(options: AvMnist) -> Dataset:
    return options.read(BOTH, Path(), lambda what, done, total: None)


def splits(dataset: Dataset) -> list[Split]:
    return [dataset.train, dataset.validation, dataset.test]


def same(one: Split, other: Split, view: str) -> bool:
    return np.array_equal(one.views[view], other.views[view])


def test_sizes_types_and_words(small: Make) -> None:
    dataset = read(small(image_size=14, spectrogram=[16, 32]))
    assert [len(split) for split in splits(dataset)] == [400, 120, 100]
    assert dataset.shapes == {"image": (14, 14), "audio": (16, 32)}
    assert dataset.target.names == tuple("0123456789")
    for words in ("AV-MNIST", "FSDD", "split by recordings", "no noise", "400 + 120 + 100 pairs"):
        assert words in dataset.description


def spoken_digits(split: Split, recordings: fsdd.Recordings) -> np.ndarray:
    """The digit of each pair's recording, recognised by its content, which is noise-free."""
    everyone = np.arange(len(recordings.takes))
    rng = np.random.default_rng(0)
    known = np.concatenate(
        list(spectrograms(recordings.waves, everyone, None, [0, 0], (32, 64), rng))
    )
    audio = split.views["audio"].reshape(len(split), -1).astype(np.float64)
    known = known.reshape(len(known), -1).astype(np.float64)
    nearest = ((known**2).sum(axis=1) - 2 * audio @ known.T).argmin(axis=1)
    np.testing.assert_allclose(audio, known[nearest], atol=1e-4)
    return np.array([recordings.takes[row][0] for row in nearest])


@pytest.mark.parametrize("rule", ["recordings", "speakers"])
def test_audio_says_its_label(small: Make, small_files: Path, rule: str) -> None:
    dataset = read(small(split=rule))
    everything = read_recordings(small_files / "fsdd.zip")
    for name, split in zip(SPLITS, splits(dataset), strict=True):
        digits = spoken_digits(split, everything.part(rule, name))
        np.testing.assert_array_equal(digits, split.labels)


def test_no_image_is_used_twice(small: Make) -> None:
    dataset = read(small(energy=1.0))
    images = np.concatenate([split.views["image"].reshape(-1, 784) for split in splits(dataset)])
    assert len(np.unique(images.round(3), axis=0)) == 620


def test_images_keep_the_energy_that_the_description_states(small: Make) -> None:
    dataset = read(small(energy=0.5))
    images = dataset.train.views["image"].reshape(400, -1)
    centred = images - images.mean(axis=0)
    count = np.linalg.matrix_rank(centred, tol=1e-3)
    assert f"with {count} principal components" in dataset.description
    whole = read(small(energy=1.0)).train.views["image"].reshape(400, -1)
    share = images.var(axis=0).sum() / whole.var(axis=0).sum()
    assert 0.5 <= share < 0.6
    assert f"({share:.0%} of the energy)" in dataset.description


def test_the_projection_comes_from_training_images_only(
    small: Make, small_files: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(small_files, other)
    path = other / "t10k-images-idx3-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[16:] = bytes(255 - value for value in content[16:])
    path.write_bytes(gzip.compress(bytes(content)))
    before, after = read(small(energy=0.3)), read(small(energy=0.3, root=str(other)))
    assert same(before.train, after.train, "image")
    assert same(before.validation, after.validation, "image")
    assert not same(before.test, after.test, "image")


@pytest.mark.parametrize("noise", ["white", "babble", "clips"])
def test_noise_changes_the_audio_alone(
    small: Make, small_files: Path, tmp_path: Path, noise: str
) -> None:
    clips = np.random.default_rng(0).integers(-99, 99, (5, 8000)).astype(np.int16)
    np.savez(tmp_path / "clips.npz", x=clips)
    file = str(tmp_path / "clips.npz")
    clean, noisy = read(small()), read(small(noise=noise, noise_file=file, snr_db=[-10, 0]))
    for one, other in zip(splits(clean), splits(noisy), strict=True):
        assert same(one, other, "image")
        assert np.abs(one.views["audio"] - other.views["audio"]).mean() > 0.3
        np.testing.assert_array_equal(one.labels, other.labels)
    assert f"{noise} at -10 to 0 dB" in noisy.description


def test_the_seed_draws_other_pairs(small: Make) -> None:
    one, again, other = read(small()), read(small()), read(small(seed=1))
    assert one.digest == again.digest != other.digest
    assert not same(one.train, other.train, "image")
    assert not same(one.train, other.train, "audio")


def test_the_digest_depends_on_the_files_content_and_not_on_their_place(
    small: Make, small_files: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(small_files, other)
    assert read(small(root=str(other))).digest == read(small()).digest
    path = other / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 9))
    assert read(small(root=str(other))).digest != read(small()).digest


def test_tells_how_far_it_is(small: Make) -> None:
    told: list[tuple[str, int, int]] = []
    small().read(BOTH, Path(), lambda *now: told.append(now))
    assert ("building train audio", 400, 400) in told
    assert ("building test image", 100, 100) in told


def test_one_modality_alone(small: Make) -> None:
    dataset = small().read(("audio",), Path(), lambda what, done, total: None)
    assert list(dataset.train.views) == ["audio"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"noise": "clips"},
        {"spectrogram": [16, 48]},
        {"spectrogram": [0, 64]},
        {"image_size": 15},
        {"energy": 0},
        {"train_pairs": 60000},
        {"snr_db": [5, -5]},
        {"noise": "pink"},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AvMnist.model_validate(wrong)


def test_a_missing_noise_file_is_named(small: Make, small_files: Path) -> None:
    options = small(noise="clips", noise_file="gone.npz")
    with pytest.raises(MissingDataError, match=r"gone\.npz is not in") as caught:
        read(options)
    assert str(small_files) in str(caught.value)


def test_files_are_checked_by_their_sums(small_files: Path) -> None:
    with pytest.raises(DataError, match="wrong content, SHA-256 is") as caught:
        read(AvMnist(root=str(small_files)))
    assert "train-images-idx3-ubyte.gz" in str(caught.value)


def test_every_file_can_be_downloaded_over_https() -> None:
    assert len(SOURCES) == 5
    assert all(url.startswith("https://") for source in SOURCES for url in source.urls)


@pytest.fixture
def few() -> dict[str, int]:
    return {"train_pairs": 500, "validation_pairs": 200, "test_pairs": 200}


@pytest.mark.parametrize("rule", ["recordings", "speakers"])
def test_real_audio_says_its_label(real: Path, few: dict[str, int], rule: str) -> None:
    dataset = read(AvMnist.model_validate({"root": str(real), "split": rule, **few}))
    everything = read_recordings(real / "fsdd.zip")
    for name, split in zip(SPLITS, splits(dataset), strict=True):
        digits = spoken_digits(split, everything.part(rule, name))
        np.testing.assert_array_equal(digits, split.labels)


def test_real_images_are_those_of_their_label(real: Path, few: dict[str, int]) -> None:
    dataset = read(AvMnist.model_validate({"root": str(real), "energy": 1.0, **few}))
    train, test = (s.views["image"].reshape(len(s), -1) for s in (dataset.train, dataset.test))
    means = np.stack([train[dataset.train.labels == digit].mean(axis=0) for digit in range(10)])
    nearest = ((test[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(nearest == dataset.test.labels) > 0.7


def test_real_files_damaged_in_transit_are_named(real: Path, tmp_path: Path) -> None:
    shutil.copytree(real / "mnist", tmp_path / "mnist")
    path = tmp_path / "mnist" / "train-labels-idx1-ubyte.gz"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="wrong content") as caught:
        read(AvMnist(root=str(tmp_path)))
    assert str(path) in str(caught.value)
    assert not isinstance(caught.value, MissingDataError)
