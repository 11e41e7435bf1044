"""What every data set keeps to. A new one adds a way to make it to ``MAKE``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from armtune.data import Dataset, Split
from armtune.datasets import Data
from armtune.datasets._opinions import MODALITIES
from armtune.datasets.arrays import Arrays
from armtune.datasets.avdigits import AvDigits
from armtune.datasets.ave import Ave
from armtune.datasets.avmnist import AvMnist
from armtune.datasets.cmu_mosei import CmuMosei
from armtune.datasets.cmu_mosi import CmuMosi
from armtune.datasets.crema_d import CremaD
from armtune.datasets.folders import Folders
from armtune.datasets.food101 import Food101
from armtune.datasets.huggingface_dataset import HuggingFaceDataset
from armtune.datasets.kinetics_sounds import KineticsSounds
from armtune.datasets.table import Table
from armtune.datasets.ucf101 import Ucf101
from armtune.plugins.registry import plugins
from armtune.testing import Check, checks
from tests.datasets import food101_files, huggingface_files, media_files, opinion_files

Make = Callable[[Path, int], Data]

SMALL = {"image_size": 16, "spectrogram": (16, 16), "seconds": 0.5, "rate": 8000}


def make_arrays(folder: Path, seed: int) -> Data:
    rng = np.random.default_rng(0)
    views = {name: rng.normal(size=(90, *shape)) for name, shape in (("a", (3,)), ("b", (4, 5)))}
    np.savez(folder / "own.npz", label=np.arange(90) % 3, **views)
    return Arrays(path="own.npz", seed=seed)


def make_avdigits(folder: Path, seed: int) -> Data:
    return AvDigits(seed=seed)


def make_ave(folder: Path, seed: int) -> Data:
    path = f"ave{seed}"
    if not (folder / path).exists():
        media_files.write_ave(folder / path, seed)
    return Ave.model_validate({"path": path, "frames": 1, **SMALL})


def make_crema_d(folder: Path, seed: int) -> Data:
    if not (folder / "CREMA-D").exists():
        media_files.write_crema_d(folder / "CREMA-D")
    return CremaD.model_validate({"seed": seed, **SMALL})


def make_folders(folder: Path, seed: int) -> Data:
    if not (folder / "own.csv").exists():
        media_files.write_folders(folder)
    return Folders.model_validate({"path": "own.csv", "seed": seed, **SMALL})


def make_kinetics_sounds(folder: Path, seed: int) -> Data:
    if not (folder / "kinetics400").exists():
        media_files.write_kinetics(folder / "kinetics400")
    return KineticsSounds.model_validate({"seed": seed, **SMALL})


def make_ucf101(folder: Path, seed: int) -> Data:
    if not (folder / "ucf101").exists():
        media_files.write_ucf101(folder / "ucf101")
    return Ucf101.model_validate({"seed": seed, **SMALL})


def make_avmnist(folder: Path, seed: int) -> Data:
    few = {"train_pairs": 300, "validation_pairs": 100, "test_pairs": 100}
    return AvMnist.model_validate({"noise": "babble", "seed": seed, **few})


def make_cmu_mosei(folder: Path, seed: int) -> Data:
    data = CmuMosei(words=5)
    opinion_files.write(data, folder / data.path, seed)
    return data


def make_cmu_mosi(folder: Path, seed: int) -> Data:
    data = CmuMosi(words=5, classes=7)
    opinion_files.write(data, folder / data.path, seed)
    return data


def make_food101(folder: Path, seed: int) -> Data:
    if not (folder / "food101").exists():
        food101_files.write(folder / "food101")
    return Food101(image_size=8, length=8, seed=seed)


def make_huggingface_dataset(folder: Path, seed: int) -> Data:
    huggingface_files.write(folder / "hub", {"train": 90})
    return HuggingFaceDataset(path="hub", image_size=8, seed=seed)


def make_table(folder: Path, seed: int) -> Data:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(90, 5))
    lines = [",".join(map(str, [*row, k % 3])) for k, row in enumerate(numbers)]
    (folder / "own.csv").write_text("\n".join(["a1,a2,a3,b1,b2,label", *lines]))
    return Table(path="own.csv", columns={"a": ["a*"], "b": ["b1", "b2"]}, seed=seed)


MAKE: dict[str, Make] = {
    "arrays": make_arrays,
    "avdigits": make_avdigits,
    "ave": make_ave,
    "avmnist": make_avmnist,
    "cmu_mosei": make_cmu_mosei,
    "cmu_mosi": make_cmu_mosi,
    "crema_d": make_crema_d,
    "folders": make_folders,
    "food101": make_food101,
    "huggingface_dataset": make_huggingface_dataset,
    "kinetics_sounds": make_kinetics_sounds,
    "table": make_table,
    "ucf101": make_ucf101,
}
NAMES = {
    "arrays": ("a", "b"),
    "avdigits": ("image", "audio"),
    "ave": ("audio", "video"),
    "avmnist": ("image", "audio"),
    "cmu_mosei": MODALITIES,
    "cmu_mosi": MODALITIES,
    "crema_d": ("audio", "video"),
    "folders": media_files.KINDS,
    "food101": ("image", "text"),
    "huggingface_dataset": ("photo", "motion"),
    "kinetics_sounds": ("audio", "video"),
    "table": ("a", "b"),
    "ucf101": ("video", "flow"),
}

UNREAD = {"ucf101": ("audio",)}
"""Modalities that the tests here leave out: not all of the data set's classes have them."""


def test_every_data_set_is_tested_here() -> None:
    assert list(plugins("datasets")) == list(MAKE)


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(params=sorted(MAKE))
def kind(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, shared_cache: Path
) -> str:
    name = str(request.param)
    monkeypatch.setenv("ARMTUNE_CACHE", str(shared_cache))
    if name == "avmnist":
        monkeypatch.setenv("ARMTUNE_DATA", str(request.getfixturevalue("real")))
    return name


@pytest.fixture
def read(kind: str, tmp_path: Path) -> Callable[..., Dataset]:
    def read_seed(seed: int = 0, names: Sequence[str] = NAMES[kind]) -> Dataset:
        data = MAKE[kind](tmp_path, seed)
        return data.read(names, tmp_path, lambda what, done, total: None)

    return read_seed


def splits(dataset: Dataset) -> list[Split]:
    return [dataset.train, dataset.validation, dataset.test]


def equal(one: Dataset, other: Dataset) -> bool:
    return all(
        np.array_equal(a.labels, b.labels)
        and all(np.array_equal(a.views[name], b.views[name]) for name in a.views)
        for a, b in zip(splits(one), splits(other), strict=True)
    )


def test_options_say_which_modalities_there_are(kind: str, tmp_path: Path) -> None:
    known = MAKE[kind](tmp_path, 0).modalities()
    assert known is None or set(known) == {*NAMES[kind], *UNREAD.get(kind, ())}


def test_the_same_options_give_the_same_arrays(
    read: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = read()
    monkeypatch.setenv("ARMTUNE_CACHE", str(tmp_path / "another"))
    again = read()
    assert one.digest == again.digest
    assert equal(one, again)


def test_another_seed_gives_other_arrays(read: Callable[..., Dataset]) -> None:
    one, other = read(), read(1)
    assert one.digest != other.digest
    assert not equal(one, other)


@pytest.mark.parametrize("check", checks("datasets"), ids=lambda check: check.__name__)
def test_it_keeps_to_the_checks_for_everyone(kind: str, tmp_path: Path, check: Check) -> None:
    check(MAKE[kind](tmp_path, 0), tmp_path, NAMES[kind])
