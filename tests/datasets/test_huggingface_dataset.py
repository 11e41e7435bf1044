from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from armtune.data import Dataset
from armtune.datasets.huggingface_dataset import HuggingFaceDataset
from armtune.errors import DataError, MissingDataError
from tests.datasets.huggingface_files import save, table, write, write_parquet

SIZES = {"train": 60, "test": 12}


def read(path: Path, names: tuple[str, ...] = ("number", "grid"), **options: Any) -> Dataset:
    data = HuggingFaceDataset.model_validate({"path": path.name, "image_size": 8, **options})
    return data.read(names, path.parent, lambda what, done, total: None)


def numbers(dataset: Dataset) -> list[list[int]]:
    parts = (dataset.train, dataset.validation, dataset.test)
    for part in parts:
        np.testing.assert_array_equal(part.views["number"][:, 0] % 3, part.labels)
        np.testing.assert_array_equal(part.views["number"][:, 0], part.views["grid"][:, 1, 2])
    return [part.views["number"][:, 0].astype(int).tolist() for part in parts]


@pytest.mark.parametrize("shards", [1, 2])
def test_columns_of_a_saved_data_set(tmp_path: Path, shards: int) -> None:
    write(tmp_path / "hub", SIZES, shards)
    dataset = read(tmp_path / "hub", ("number", "grid", "motion", "photo"))
    train, validation, test = numbers(dataset)
    assert sorted(train + validation) == list(range(60))
    assert len(validation) == 6
    assert test == list(range(12))
    assert dataset.target.names == ("cat", "dog", "owl")
    shapes = {"number": (1,), "grid": (2, 3), "motion": (5,), "photo": (3, 8, 8)}
    assert dataset.shapes == shapes
    photos = dataset.train.views["photo"]
    np.testing.assert_allclose(photos[:, 2, 3, 4] * 255, train, atol=1e-4)
    assert dataset.description == "Hugging Face data set hub: 3 classes, 54 + 6 + 12 samples"


def test_parquet_files_are_told_apart_by_their_names(tmp_path: Path) -> None:
    write_parquet(tmp_path / "hub", {"train": 60, "validation": 9, "test": 12})
    dataset = read(tmp_path / "hub")
    assert numbers(dataset) == [list(range(count)) for count in (60, 9, 12)]
    assert dataset.target.names == ("cat", "dog", "owl")


def test_a_data_set_without_splits_is_cut(tmp_path: Path) -> None:
    save(tmp_path / "hub", table(60))
    found = numbers(read(tmp_path / "hub"))
    assert sorted(chain(*found)) == list(range(60))
    assert all(found)
    assert numbers(read(tmp_path / "hub", seed=1)) != found


def test_splits_may_have_other_names_and_columns_too(tmp_path: Path) -> None:
    write(tmp_path / "hub", {"train": 60, "dev": 9, "test": 12})
    dataset = read(
        tmp_path / "hub", ("a", "b"), splits={"validation": "dev"},
        columns={"a": "number", "b": "motion"},
    )  # fmt: skip
    assert dataset.validation.views["a"][:, 0].tolist() == list(range(9))
    with pytest.raises(DataError, match="no split 'val'; it has train, dev, test"):
        read(tmp_path / "hub", splits={"validation": "val"})


@pytest.mark.parametrize(
    ("labels", "classes"),
    [(["x", "y", "z"], ("x", "y", "z")), ([30, 4, 5], ("4", "5", "30"))],
)
def test_labels_without_names(tmp_path: Path, labels: list[Any], classes: tuple[str, ...]) -> None:
    rows = table(60, features={})
    rows = rows.set_column(rows.column_names.index("label"), "label", [labels * 20])
    save(tmp_path / "hub", rows)
    dataset = read(tmp_path / "hub")
    assert dataset.target.names == classes
    first = dataset.train.views["number"][:, 0].astype(int) % 3
    names = [dataset.target.names[k] for k in dataset.train.labels]
    assert names == [str(labels[k]) for k in first]


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("motion", [[1.0], [1.0, 2.0]] * 30, "samples differ in length, 1 to 2"),
        ("motion", ["a"] * 60, "must hold numbers, lists of them or pictures: string"),
        ("motion", [np.nan] * 60, "every row is NaN"),
        ("motion", [np.inf, 1.0] * 30, r"NaN or infinity \(as float32\) in row 0"),
        ("motion", [None] * 60, "every cell is missing"),
        ("motion", [{"bytes": b"no", "path": "x"}] * 60, "row 0: missing or damaged"),
        ("motion", [{"bytes": None, "path": "x"}] * 60, "row 0: the picture isn't in the file"),
        ("label", [-1, 0] * 30, "holds what is none of its 3 classes"),
        ("label", [0.5, 1.5] * 30, "holds what is none of its 3 classes"),
        ("label", [0, 1] * 30, "class 'owl' has no sample at all"),
        ("label", [0, None] * 30, "row 1 is missing"),
    ],
)
def test_faults_say_where(tmp_path: Path, column: str, cells: list[Any], message: str) -> None:
    rows = table(60)
    save(
        tmp_path / "hub",
        rows.set_column(rows.column_names.index(column), column, pa.array(cells)),
    )
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "hub", ("motion", "grid"))
    assert str(tmp_path / "hub") in str(caught.value)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "hub"
    with pytest.raises(MissingDataError, match="hub is not in"):
        read(path)
    path.mkdir()
    with pytest.raises(MissingDataError, match="neither a data set saved by save_to_disk nor"):
        read(path)
    write(path, SIZES)
    file = path / "train" / "data-00000-of-00001.arrow"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(DataError, match=r"data-00000-of-00001\.arrow: damaged"):
        read(path)
    (path / "train" / "state.json").write_text(json.dumps({"_data_files": [1]}))
    with pytest.raises(DataError, match=r"state.json: damaged"):
        read(path)
    (path / "dataset_dict.json").write_text("{")
    with pytest.raises(DataError, match=r"dataset_dict.json: missing or damaged"):
        read(path)


def test_a_list_of_files_leads_nowhere_else(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere", table(60))
    save(tmp_path / "hub", table(60))
    listed = {"_data_files": [{"filename": "../elsewhere/data-00000-of-00001.arrow"}]}
    (tmp_path / "hub" / "state.json").write_text(json.dumps(listed))
    (tmp_path / "hub" / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(DataError, match=r"hub/data-00000-of-00001\.arrow"):
        read(tmp_path / "hub")


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    save(tmp_path / "hub", table(60))
    with pytest.raises(DataError, match="no column 'video'; it has photo, motion"):
        read(tmp_path / "hub", ("video", "grid"))


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([True, False, True], ("false", "true")),
        ([b"01", b"1", b"NA"], ("01", "1", "NA")),
        (["10", "9", "1"], ("1", "9", "10")),
    ],
)
def test_typed_labels_have_one_text(tmp_path: Path, values: list[Any], names: tuple[str]) -> None:
    rows = table(60, features={})
    label = pa.array(values).take(pa.array(np.arange(60) % 3))
    save(tmp_path / "hub", rows.set_column(4, "label", label))
    dataset = read(tmp_path / "hub")
    assert dataset.target.names == names


def test_text_in_another_encoding_is_named_with_its_row(tmp_path: Path) -> None:
    rows = table(60, features={})
    label = pa.array([b"rot", b"gr\xfcn"] * 30)
    save(tmp_path / "hub", rows.set_column(4, "label", label))
    with pytest.raises(DataError, match="'label': row 2 is not text in UTF-8"):
        read(tmp_path / "hub")
