from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from armtune.data import Dataset
from armtune.datasets.torch_dataset import MapStyle, TorchData
from armtune.errors import DataError


class Samples(torch.utils.data.Dataset[Any]):
    """Sample ``k`` holds its number; counts how often samples are asked for."""

    asked = 0

    def __init__(self, count: int, change: Callable[[int, Any], Any] = lambda k, s: s) -> None:
        self.count, self.change = count, change

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        Samples.asked += 1
        number = torch.tensor(float(index))
        return self.change(index, ({"a": number, "b": number.repeat(2, 3)}, index % 3))


class Toy(TorchData):
    """Made by the tests."""

    name: Literal["toy"] = "toy"
    names: tuple[str, ...] | None = None

    def datasets(self, folder: Path) -> Mapping[str, MapStyle]:
        return GIVEN

    def files(self, folder: Path) -> Sequence[Path]:
        return sorted(folder.glob("*.bin"))

    def class_names(self) -> Sequence[str] | None:
        return self.names


GIVEN: dict[str, MapStyle] = {}


@pytest.fixture(autouse=True)
def given() -> dict[str, MapStyle]:
    GIVEN.clear()
    GIVEN.update(test=Samples(12), train=Samples(60))
    Samples.asked = 0
    return GIVEN


def read(folder: Path, **options: Any) -> Dataset:
    return Toy(**options).read(("a", "b"), folder, lambda what, done, total: None)


def test_samples_become_arrays_and_missing_splits_are_cut(tmp_path: Path) -> None:
    dataset = read(tmp_path)
    assert dataset.shapes == {"a": (1,), "b": (2, 3)}
    train, validation = (s.views["a"][:, 0].tolist() for s in (dataset.train, dataset.validation))
    assert sorted(train + validation) == list(range(60))
    assert len(validation) == 6
    np.testing.assert_array_equal(dataset.test.views["b"][:, 1, 2], range(12))
    np.testing.assert_array_equal(dataset.test.labels, np.arange(12) % 3)
    assert dataset.target.names == ("0", "1", "2")
    assert dataset.description == "toy, a PyTorch data set: 3 classes, 54 + 6 + 12 samples"


def test_samples_are_read_once_until_something_changes(tmp_path: Path) -> None:
    one, again = read(tmp_path), read(tmp_path)
    assert Samples.asked == 72
    assert one.digest == again.digest
    (tmp_path / "x.bin").write_bytes(b"new")
    assert read(tmp_path).digest != one.digest
    assert Samples.asked == 144
    assert read(tmp_path, seed=1).digest != read(tmp_path).digest


def test_classes_may_have_names(tmp_path: Path) -> None:
    assert read(tmp_path, names=("x", "y", "z")).target.names == ("x", "y", "z")
    with pytest.raises(DataError, match="label 2, but only 2 class names"):
        read(tmp_path, names=("x", "y"))


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (torch.zeros(3), r"must be \(\{modality: tensor\}, label\)"),
        (({"a": torch.zeros(1)}, 0), "has no 'b'; it has a"),
        (
            ({"a": torch.zeros(2), "b": torch.zeros(2, 3)}, 0),
            r"a: has shape \(2,\), those before have \(1,",
        ),
        (({"a": torch.zeros(1, requires_grad=True), "b": 0}, 0), "a: must be numbers, on the CPU"),
        (({"a": torch.zeros(1), "b": torch.full((2, 3), torch.nan)}, 0), "b holds NaN"),
        (({"a": torch.zeros(1), "b": torch.zeros(2, 3)}, "x"), "must be a number or several"),
        (({"a": torch.zeros(1), "b": torch.zeros(2, 3)}, [1, 0]), r"has shape \(2,\), not \(\)"),
    ],
)
def test_faults_say_which_sample(
    tmp_path: Path, given: dict[str, MapStyle], sample: Any, message: str
) -> None:
    given["train"] = Samples(60, lambda index, own: sample if index == 7 else own)
    with pytest.raises(DataError, match=f"toy, train, sample 7: .*{message}"):
        read(tmp_path)


def test_splits_must_be_the_three(tmp_path: Path, given: dict[str, MapStyle]) -> None:
    given["dev"] = Samples(3)
    with pytest.raises(DataError, match=r"datasets\(\) must give train"):
        read(tmp_path)
    given.clear()
    with pytest.raises(DataError, match="not nothing"):
        read(tmp_path)
    given["train"] = Samples(0)
    with pytest.raises(DataError, match="toy, train: has no sample"):
        read(tmp_path)
