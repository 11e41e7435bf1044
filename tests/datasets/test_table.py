from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import armtune
from armtune.data import Dataset
from armtune.datasets.table import Table
from armtune.errors import DataError, MissingDataError

COUNT = 60
COLUMNS = {"body": ["hr", "bp_*"], "blood": ["lab_*"]}
Save = Callable[[Path, Mapping[str, Any]], Path]


def rows(**more: Any) -> dict[str, Any]:
    """Columns whose values tell the row's number; ``None`` leaves one out."""
    number = np.arange(COUNT, dtype=float)
    own = {
        "bp_low": number + 0.5,
        "hr": number,
        "bp_high": -number,
        "lab_a": number * 2,
        "lab_b": np.arange(COUNT),
        "label": np.resize(["well", "ill", "worse"], COUNT),
        **more,
    }
    return {name: column for name, column in own.items() if column is not None}


def save_parquet(folder: Path, columns: Mapping[str, Any]) -> Path:
    path = folder / "own.parquet"
    parquet.write_table(pa.table(dict(columns)), path)
    return path


def save_csv(folder: Path, columns: Mapping[str, Any]) -> Path:
    path = folder / "own.csv"
    csv.write_csv(pa.table(dict(columns)), path)
    return path


def save_tsv(folder: Path, columns: Mapping[str, Any]) -> Path:
    path = folder / "own.tsv"
    csv.write_csv(pa.table(dict(columns)), path, csv.WriteOptions(delimiter="\t"))
    return path


def read(path: Path, names: tuple[str, ...] = ("body", "blood"), **options: Any) -> Dataset:
    data = Table.model_validate({"path": path.name, "columns": COLUMNS, **options})
    return data.read(names, path.parent, lambda what, done, total: None)


def samples(dataset: Dataset) -> list[list[int]]:
    parts = (dataset.train, dataset.validation, dataset.test)
    return [part.views["body"][:, 0].astype(int).tolist() for part in parts]


def holes(*rows: int) -> list[float | None]:
    return [None if row in rows else float(row) for row in range(COUNT)]


@pytest.mark.parametrize("save", [save_parquet, save_csv, save_tsv])
def test_columns_become_modalities(tmp_path: Path, save: Save) -> None:
    split = np.resize(["train", "train", "train", "validation", "test"], COUNT)
    path = save(tmp_path, rows(use=split))
    dataset = read(path, split="use")
    assert samples(dataset) == [
        np.flatnonzero(split == name).tolist() for name in ("train", "validation", "test")
    ]
    assert dataset.target.names == ("ill", "well", "worse")
    assert dataset.shapes == {"body": (3,), "blood": (2,)}
    np.testing.assert_array_equal(dataset.train.views["body"][1], [1, 1.5, -1])
    np.testing.assert_array_equal(dataset.train.views["blood"][1], [2, 1])
    assert [dataset.target.names[k] for k in dataset.train.labels[:3]] == ["well", "ill", "worse"]
    assert dataset.description == f"table {path.name}: 3 classes, 36 + 12 + 12 samples"


def test_numbers_as_classes_keep_their_order(tmp_path: Path) -> None:
    dataset = read(save_csv(tmp_path, rows(label=np.resize([10, 9, 2], COUNT))))
    assert dataset.target.names == ("2", "9", "10")


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_never_divided(tmp_path: Path, seed: int) -> None:
    who = np.repeat(list("abcdefghij"), 6)
    path = save_csv(tmp_path, rows(who=who))
    found = samples(read(path, groups="who", seed=seed))
    people = [set(who[part].tolist()) for part in found]
    assert all(people)
    assert sum(map(len, people)) == len(set.union(*people)) == 10
    assert sorted(chain(*found)) == list(range(COUNT))


def test_a_pattern_never_takes_label_split_or_group(tmp_path: Path) -> None:
    columns = {"all": ["*"], "hr": ["hr"]}
    number = np.arange(COUNT) % 5
    path = save_csv(tmp_path, rows(who=number, label=number % 2))
    dataset = read(path, ("all", "hr"), columns=columns, groups="who")
    assert dataset.shapes == {"all": (5,), "hr": (1,)}
    with pytest.raises(DataError, match="column 'who': tells label, split or group"):
        read(path, ("all",), columns={"all": ["who"]}, groups="who")


def test_columns_in_several_modalities_are_told(tmp_path: Path) -> None:
    path = save_csv(tmp_path, rows())
    dataset = read(path, columns={"body": ["hr", "bp_*"], "blood": ["lab_*", "hr"]})
    assert dataset.description.endswith("; in several modalities: hr")
    assert "several modalities" not in read(path).description


@pytest.mark.parametrize("save", [save_parquet, save_csv])
def test_missing_cells_are_counted_and_placed(tmp_path: Path, save: Save) -> None:
    path = save(tmp_path, rows(hr=holes(4, 7), bp_low=holes(9)))
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: body: 3 of 180 cells are missing, in 2 of 3 columns; the first is in row 5 of "
        "'hr'. missing: mean would fill them by the training samples' means, missing: indicator "
        "would also tell that they were"
    )


def test_missing_cells_take_the_mean_of_training(tmp_path: Path) -> None:
    split = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
    path = save_csv(tmp_path, rows(hr=holes(0, 45), use=split))
    dataset = read(path, missing="mean", split="use")
    mean = np.arange(1, 40).mean()
    assert dataset.train.views["body"][0, 0] == mean
    assert dataset.validation.views["body"][5, 0] == mean
    assert dataset.description.endswith("; 2 missing cells filled by training means")


def test_a_column_that_training_lacks_wholly_is_named(tmp_path: Path) -> None:
    split = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
    path = save_csv(tmp_path, rows(hr=holes(*range(40)), use=split))
    with pytest.raises(DataError, match="column 'hr': all training samples' cells are missing"):
        read(path, missing="mean", split="use")


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        ({"label": None}, {}, "no column 'label'"),
        ({"label": [None, *["a", "b"] * 30][:COUNT]}, {}, "1 of 60 cells are missing, the first"),
        ({"label": np.arange(COUNT) / 2}, {}, "must hold whole numbers or text, not double"),
        ({"label": ["a"] * COUNT}, {}, "all labels are the same"),
        (
            {"hr": ["low"] * COUNT},
            {"types": {"hr": "number"}},
            r"column 'hr': must hold numbers, not string; .* \(row 1 says 'low'\)",
        ),
        ({"hr": [np.inf] * COUNT}, {}, r"body: infinity \(as float32\) in row 1"),
        ({"hr": None, "hrr": [1] * COUNT}, {}, "no column 'hr'; did you mean 'hrr'"),
        ({"lab_a": None, "lab_b": None}, {}, r"no column 'lab_\*'"),
        ({"use": ["train", "no"] * 30}, {"split": "use"}, "must say train, validation or test"),
        ({"use": ["train"] * 50 + ["no"] * 10}, {"split": "use"}, "not 'no', as row 51 does"),
        ({"use": ["test"] * COUNT}, {"split": "use"}, "column 'use': too few samples to cut"),
        ({"use": ["a"] * COUNT}, {"groups": "use"}, "column 'use': too few groups to cut"),
        ({"label": ["a"] * COUNT}, {}, "column 'label': all labels are the same"),
        ({}, {"split": "use"}, "no column 'use'"),
    ],
)
def test_faults_say_where(
    tmp_path: Path, more: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    path = save_parquet(tmp_path, rows(**more))
    with pytest.raises(DataError, match=message) as caught:
        read(path, **options)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["own.parquet", "own.csv", "own.xlsx"])
def test_files_that_are_no_tables_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingDataError, match=name):
        read(tmp_path / name)
    (tmp_path / name).write_bytes(b"a,b\n1\n2,3,4\n")
    with pytest.raises(DataError, match=name):
        read(tmp_path / name)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("hr,hr,label\n1,2,a\n")
    with pytest.raises(DataError, match="two columns are called 'hr'"):
        read(tmp_path / "own.csv")


def test_the_shipped_recipe_trains_on_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    label = np.arange(90) % 3
    who = np.arange(90) // 3
    names = [*(f"vital_{k}" for k in range(3)), *(f"lab_{k}" for k in range(4))]
    columns = {name: rng.normal(size=90) + label for name in names}
    text = np.array(["well", "ill", "worse"])[label]
    parquet.write_table(
        pa.table({**columns, "patient": who, "outcome": text}), tmp_path / "patients.parquet"
    )
    monkeypatch.setenv("ARMTUNE_DATA", str(tmp_path))
    recipe = Path(__file__).parents[2] / "recipes" / "table.yaml"
    small = {
        "training.epochs": 2,
        "sweep.trials": 2,
        "sweep.confirm": None,
        "sweep.pruner.name": "none",
    }
    result = armtune.sweep(recipe, small, to=tmp_path / "run", inline=True)
    assert len(result.trials) == 2
