"""Rows of a table without a label: an error, or left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from armtune.data import Dataset
from armtune.datasets.table import Table
from armtune.errors import DataError

COUNT = 90


def read(folder: Path, labels: dict[str, Any], **options: Any) -> Dataset:
    """A table whose one feature tells the row's number."""
    columns = {"a": np.arange(COUNT, dtype=float), **labels}
    if options.pop("typed", False):
        path = folder / "t.parquet"
        parquet.write_table(pa.table(columns), path)
    else:
        path = folder / "t.csv"
        cells = [
            ["" if cell is None else str(cell) for cell in row]
            for row in zip(*columns.values(), strict=True)
        ]
        path.write_text("\n".join(map(",".join, [list(columns), *cells])), encoding="utf-8")
    given = {"path": str(path), "columns": {"m": ["a"]}, "validation": 0.2, **options}
    data = Table.model_validate(given)
    return data.read(("m",), folder, lambda *_: None)


def numbers(dataset: Dataset) -> list[int]:
    """The rows that are used; features are standardised by training rows."""
    mean, std = (float(v[0]) for v in (dataset.prepared["m"]["mean"], dataset.prepared["m"]["std"]))
    splits = (dataset.train, dataset.validation, dataset.test)
    return sorted(round(float(v) * std + mean) for s in splits for v in s.views["m"][:, 0])


@pytest.mark.parametrize("typed", [False, True])
def test_rows_without_a_class_are_left_out(typed: bool, tmp_path: Path) -> None:
    label = [None if k % 3 == 0 else "uv"[k % 2] for k in range(COUNT)]
    dataset = read(tmp_path, {"label": label}, unlabelled="skip", typed=typed)
    assert dataset.target.names == ("u", "v")
    splits = (dataset.train, dataset.validation, dataset.test)
    assert sum(map(len, splits)) == 60
    assert "; 30 of 90 rows have no label and are left out" in dataset.description
    for split in splits:
        assert np.isin(split.labels, (0, 1)).all()


@pytest.mark.parametrize("mark", [None, "?", "NA"])
def test_rows_without_a_value_are_left_out(mark: str | None, tmp_path: Path) -> None:
    label = [mark if k % 3 == 0 else k / 7 for k in range(COUNT)]
    dataset = read(tmp_path, {"label": label}, unlabelled="skip", target="values")
    found = [v for s in (dataset.train, dataset.validation, dataset.test) for v in s.labels]
    expected = [k / 7 for k in range(COUNT) if k % 3]
    assert sorted(found) == pytest.approx(expected)


def test_rows_that_lack_one_of_several_values_are_left_out(tmp_path: Path) -> None:
    one = [None if k % 3 == 0 else k / 7 for k in range(COUNT)]
    two = [None if k % 5 == 0 else k / 9 for k in range(COUNT)]
    more = {"label": ["one", "two"], "unlabelled": "skip", "target": "values"}
    dataset = read(tmp_path, {"one": one, "two": two}, **more)
    assert sum(map(len, (dataset.train, dataset.validation, dataset.test))) == 48


def test_a_mark_is_a_class_and_an_empty_cell_of_labels_says_none(tmp_path: Path) -> None:
    label = ["?" if k % 3 == 0 else "uv"[k % 2] for k in range(COUNT)]
    assert read(tmp_path, {"label": label}, unlabelled="skip").target.names == ("?", "u", "v")
    label = ["" if k % 3 == 0 else "u;v" if k % 2 else "v" for k in range(COUNT)]
    dataset = read(tmp_path, {"label": label}, unlabelled="skip", target="labels")
    assert sum(map(len, (dataset.train, dataset.validation, dataset.test))) == COUNT


def test_without_it_they_are_an_error_and_none_at_all_always_is(tmp_path: Path) -> None:
    label = [None if k % 3 == 0 else "uv"[k % 2] for k in range(COUNT)]
    with pytest.raises(
        DataError, match=r"column 'label': 30 of 90 cells are missing.*unlabelled: skip"
    ):
        read(tmp_path, {"label": label})
    with pytest.raises(DataError, match="column 'label': no row has a label"):
        read(tmp_path, {"label": [""] * COUNT}, unlabelled="skip")


@pytest.mark.parametrize("target", ["classes", "values"])
def test_shares_are_of_the_labelled_rows(target: str, tmp_path: Path) -> None:
    label = [None if k % 9 else k / 7 if target == "values" else "uv"[k % 2] for k in range(COUNT)]
    for seed in range(9):
        dataset = read(tmp_path, {"label": label}, unlabelled="skip", target=target, seed=seed)
        sizes = [len(split) for split in (dataset.train, dataset.validation, dataset.test)]
        assert sizes == [7, 1, 2]


def test_a_split_whose_rows_lack_what_they_need_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{k},{'' if k % 9 == 0 else k},{k / 7},{use(k)}" for k in range(COUNT)]
    path.write_text("\n".join(["a,b,label,use", *rows]), encoding="utf-8")
    given = {"path": str(path), "columns": {"m": ["a"], "n": ["b"]}, "label": "label"}
    given |= {"target": "values", "split": "use", "absent": "skip"}
    with pytest.raises(DataError, match=r"t\.csv: no test sample is left"):
        Table.model_validate(given).read(("m", "n"), tmp_path, lambda *_: None)


def use(row: int) -> str:
    """Splits of which the one for test has what lacks a cell only."""
    return "test" if row % 9 == 0 else "validation" if row % 9 == 1 else "train"
