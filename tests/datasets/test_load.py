from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from armtune.datasets._load import load_dataset
from armtune.datasets.arrays import Arrays
from armtune.datasets.avmnist import AvMnist
from armtune.errors import DataError, MissingDataError
from armtune.recipe.schema import Recipe


def recipe(data: Any, *modalities: str) -> Recipe:
    names = modalities or ("image", "audio")
    return Recipe.model_validate(
        {
            "name": "r",
            "data": data if isinstance(data, dict) else data.model_dump(),
            "modalities": {name: {"encoder": {"name": "mlp"}} for name in names},
        }
    )


def test_the_data_set_asked_for_is_no_stand_in(small: Callable[..., AvMnist]) -> None:
    dataset = load_dataset(recipe(small(otherwise="avdigits"), "audio", "image"), Path())
    assert dataset.name == "avmnist"
    assert not dataset.stand_in
    assert list(dataset.train.views) == ["audio", "image"]


def test_missing_files_are_answered_by_the_stand_in_which_says_so(tmp_path: Path) -> None:
    data = {"name": "avmnist", "root": "nowhere", "otherwise": "avdigits"}
    told: list[str] = []
    dataset = load_dataset(recipe(data), tmp_path, lambda what, done, total: told.append(what))
    assert dataset.stand_in
    assert dataset.name == "avdigits"
    words = dataset.description
    assert words.startswith("stand-in for avmnist (train-images-idx3-ubyte.gz is not in ")
    assert str(tmp_path / "nowhere") in words
    assert "synthesised digit words" in words
    assert "\n" not in words
    assert "building train audio" in told


def test_offline_without_any_folder_is_missing_too() -> None:
    dataset = load_dataset(recipe({"name": "avmnist", "otherwise": "avdigits"}), Path())
    assert dataset.stand_in
    assert "ARMTUNE_OFFLINE" in dataset.description


def test_without_a_stand_in_missing_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="is not in"):
        load_dataset(recipe({"name": "avmnist", "root": "nowhere"}), tmp_path)


def test_damaged_files_are_never_answered_by_a_stand_in(
    small: Callable[..., AvMnist], small_files: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_files, tmp_path / "files")
    path = tmp_path / "files" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(b"other"))
    with pytest.raises(DataError, match="not an idx file") as caught:
        load_dataset(recipe(small(root="files", otherwise="avdigits")), tmp_path)
    assert str(path) in str(caught.value)


def test_a_modality_that_the_data_set_lacks_is_named(small: Callable[..., AvMnist]) -> None:
    with pytest.raises(DataError, match="avmnist has no modality 'video'; it has image, audio"):
        load_dataset(recipe(small(), "image", "video"), Path())


def test_a_stand_in_must_have_the_modalities_too(tmp_path: Path) -> None:
    data = Arrays(path="gone.npz", otherwise="avdigits")
    with pytest.raises(DataError, match="avdigits has no modality 'left'"):
        load_dataset(recipe(data, "left", "right"), tmp_path)


def test_paths_are_taken_from_the_recipe_s_folder(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    np.savez(tmp_path / "own.npz", left=rows, right=rows, label=np.arange(40) % 2)
    dataset = load_dataset(recipe(Arrays(path="own.npz"), "left", "right"), tmp_path)
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 40


def test_a_constant_modality_is_named(tmp_path: Path) -> None:
    labels = np.arange(60) % 3
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", a=rng.normal(size=(60, 4)), b=np.ones((60, 2)), label=labels)
    with pytest.raises(DataError, match=r"b: all \d+ training samples are the same"):
        load_dataset(recipe({"name": "arrays", "path": "x.npz"}, "a", "b"), tmp_path)


@pytest.mark.parametrize(("small", "told"), [(20, False), (5, True)])
def test_imbalanced_classes_are_told(tmp_path: Path, small: int, told: bool) -> None:
    labels = np.repeat([0, 1], [25, small])
    rows = np.random.default_rng(0).normal(size=(len(labels), 3))
    np.savez(tmp_path / "own.npz", left=rows, right=rows, label=labels)
    dataset = load_dataset(recipe(Arrays(path="own.npz"), "left", "right"), tmp_path)
    assert ("; classes are imbalanced: the largest has " in dataset.description) == told
