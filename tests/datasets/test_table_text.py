"""Labels, groups and splits of tables: read as what stands there, never by a guess."""

from __future__ import annotations

import datetime
import decimal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError

from armtune.data import Dataset
from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.text_files import read_text
from armtune.datasets.table import Table
from armtune.errors import DataError

COUNT = 60
COLUMNS = {"one": ["a"], "other": ["b"]}


def write(
    folder: Path, columns: dict[str, Sequence[str]], name: str = "own.csv", encoding: str = "utf-8"
) -> Path:
    """A file of text, the columns' cells repeated over the rows, beside the modalities' numbers."""
    separator = "\t" if name.endswith(".tsv") else ","
    lines = [separator.join(["a", "b", *columns])]
    for row in range(COUNT):
        cells = [str(row), str(row / 2), *(own[row % len(own)] for own in columns.values())]
        lines.append(separator.join(cells))
    (folder / name).write_text("\n".join(lines) + "\n", encoding=encoding)
    return folder / name


def read(path: Path, **options: Any) -> Dataset:
    data = Table.model_validate({"path": path.name, "columns": COLUMNS, **options})
    return data.read(("one", "other"), path.parent, lambda *_: None)


def names(path: Path, **options: Any) -> tuple[str, ...]:
    return read(path, **options).target.names


@pytest.mark.parametrize("name", ["own.csv", "own.tsv"])
@pytest.mark.parametrize(
    "classes",
    [
        ("01", "1"),
        ("1", "1.0", "1e0"),
        ("True", "false", "true"),
        ("10:00", "9:30"),
        ("2020-01-02", "2020-1-3"),
        ("NA", "null", "other"),
        ("-0", "0", "00"),
        ("0x10", "16"),
        ("12345678901234567890123", "12345678901234567890124"),
        ("x \u00fc", "gr\u00fcn"),
        ("#N/A", "nan"),
    ],
)
def test_classes_are_the_text_that_stands_there(
    tmp_path: Path, classes: tuple[str, ...], name: str
) -> None:
    path = write(tmp_path, {"label": classes}, name)
    dataset = read(path)
    assert sorted(dataset.target.names) == sorted(classes)
    found = dict.fromkeys(classes, 0)
    for split in (dataset.train, dataset.validation, dataset.test):
        rows = split.views["one"][:, 0].astype(int)
        for row, label in zip(rows, split.labels, strict=True):
            assert dataset.target.names[label] == classes[row % len(classes)]
            found[dataset.target.names[label]] += 1
    assert sum(found.values()) == COUNT


def test_whole_numbers_as_text_stand_in_their_order(tmp_path: Path) -> None:
    assert names(write(tmp_path, {"label": ("10", "9", "-2", "02", "2")})) == (
        "-2", "02", "2", "9", "10",
    )  # fmt: skip


def test_a_name_that_may_mean_missing_is_told(tmp_path: Path) -> None:
    words = read(write(tmp_path, {"label": ("NA", "b")})).description
    assert "'NA' is a name here, no missing value" in words
    assert "numbers with fractions" in read(write(tmp_path, {"label": ("1.5", "2")})).description


def test_fractions_that_mostly_stand_once_are_no_classes(tmp_path: Path) -> None:
    path = write(tmp_path, {"label": [f"{row}.5" for row in range(COUNT)]})
    with pytest.raises(DataError, match=r"must hold whole numbers or text, not numbers .* 0\.5"):
        read(path)


@pytest.mark.parametrize("cell", ["", "  "])
def test_an_empty_label_is_missing(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, {"label": ("a", "b", cell)})
    with pytest.raises(DataError, match="20 of 60 cells are missing, the first in row 3"):
        read(path)


def test_na_is_one_of_several_labels(tmp_path: Path) -> None:
    dataset = read(write(tmp_path, {"label": ("NA;b", "b", "NA", "")}), target="labels")
    assert dataset.target.names == ("NA", "b")
    parts = (dataset.train, dataset.validation, dataset.test)
    assert sum(part.labels.sum(0) for part in parts).tolist() == [30, 30]


def test_spaces_around_a_name_dont_count_and_names_that_look_the_same_are_refused(
    tmp_path: Path,
) -> None:
    assert names(write(tmp_path, {"label": ("cat", "cat ", " dog")})) == ("cat", "dog")
    for one, other in (("caf\u00e9", "cafe\u0301"), ("a b", "a\u00a0b"), ("cat", "c\u200bat")):
        path = write(tmp_path, {"label": (one, other, "dog")})
        with pytest.raises(DataError, match="look the same but are two names"):
            read(path)
        with pytest.raises(DataError, match="look the same but are two names"):
            read(path, target="labels")
        with pytest.raises(DataError, match=r"column 'label': .* look the same"):
            read(write(tmp_path, {"label": (one, other), "y": ("a", "b")}), label="y",
                 groups="label")  # fmt: skip


def test_groups_are_told_apart_by_their_text(tmp_path: Path) -> None:
    people = ("1", "01", "1.0", "NA", "10:00", "10:00:00")
    path = write(tmp_path, {"label": ("a", "b", "a", "b", "a", "b", "c"), "who": people})
    dataset = read(path, groups="who")
    groups = [
        {people[int(row) % len(people)] for row in part.views["one"][:, 0]}
        for part in (dataset.train, dataset.validation, dataset.test)
    ]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 6


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, {"label": ("a", "b"), "use": ("train", "test", "", "train")})
    with pytest.raises(DataError, match="'use': 15 of 60 cells are missing, the first in row 3"):
        read(path, split="use")
    path = write(tmp_path, {"label": ("a", "b"), "use": ("train", "test ", " train")})
    assert len(read(path, split="use").test) == 20


def test_another_encoding_is_refused_with_its_line_or_stated(tmp_path: Path) -> None:
    path = write(tmp_path, {"label": ("blau", "gr\u00fcn")}, encoding="latin-1")
    with pytest.raises(DataError, match=r"own\.csv: damaged: line 3 is not text in utf-8 .*0xfc"):
        read(path)
    assert names(path, encoding="latin-1") == ("blau", "gr\u00fcn")
    path = write(tmp_path, {"label": ("blau", "gr\u00fcn")}, encoding="utf-16")
    with pytest.raises(DataError, match="line 1 is not text in utf-8"):
        read(path)
    assert names(path, encoding="utf-16") == ("blau", "gr\u00fcn")
    path = write(tmp_path, {"label": ("blau", "rot")}, encoding="utf-16-le")
    with pytest.raises(DataError, match="line 1 holds a zero byte"):
        read(path)
    path = write(tmp_path, {"label": ("blau", "gr\u00fcn")}, encoding="utf-8-sig")
    assert names(path) == ("blau", "gr\u00fcn")


@pytest.mark.parametrize("name", ["nonsense", "base64", "", "a\0b"])
def test_an_unknown_encoding_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is no encoding"):
        Table.model_validate({"path": "a.csv", "columns": COLUMNS, "encoding": name})


def test_samples_to_predict_are_read_in_the_same_encoding(tmp_path: Path) -> None:
    path = write(tmp_path, {"gr\u00fcn": ("1", "2")}, encoding="latin-1")
    columns = {"one": ["a"], "other": ["gr\u00fcn"]}
    data = Table.model_validate({"path": "a.csv", "columns": columns, "encoding": "latin-1"})
    sources = data.inputs(path, {}, columns)
    assert next(sources["other"].pieces(4))[:, 0].tolist() == [1, 2, 1, 2]


ONE = datetime.datetime(2020, 1, 2, 10)
TYPED: list[tuple[pa.Array, tuple[str, ...]]] = [
    (pa.array([True, False]), ("false", "true")),
    (pa.array([1, 10]), ("1", "10")),
    (pa.array(["01", "1"]).dictionary_encode(), ("01", "1")),
    (pa.array(["NA", "a"], pa.large_string()), ("NA", "a")),
    (pa.array(["gr\u00fcn".encode(), b"rot"]), ("gr\u00fcn", "rot")),
    (pa.array([decimal.Decimal("1.50"), decimal.Decimal("2.00")]), ("1.50", "2.00")),
    (pa.array([ONE.date(), datetime.date(2021, 1, 1)]), ("2020-01-02", "2021-01-01")),
    (pa.array([datetime.time(10), datetime.time(9, 30)]), ("09:30:00", "10:00:00")),
    *(
        (pa.array([ONE, datetime.datetime(2021, 1, 1)], pa.timestamp(unit)),
         ("2020-01-02T10:00:00", "2021-01-01T00:00:00"))
        for unit in ("s", "ms", "us", "ns")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), TYPED)
def test_typed_values_have_one_text(
    tmp_path: Path, values: pa.Array, expected: tuple[str, ...]
) -> None:
    number = np.arange(COUNT)
    label = values.take(pa.array(number % 2))
    path = tmp_path / "own.parquet"
    parquet.write_table(pa.table({"a": number, "b": number, "label": label}), path)
    assert names(path) == expected
    # As a group and as a label among several too.
    assert set(ColumnStore(path).get("label")) == set(expected)


def test_bytes_and_kinds_that_are_no_text_are_refused_with_their_row(tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    for values, message in (
        ([b"rot", b"gr\xfcn"], "row 2 is not text in UTF-8"),
        ([[1], [2]], "must hold whole numbers or text, not list"),
        ([0.5, 1.5], "not double; target: values predicts numbers"),
    ):
        parquet.write_table(pa.table({"a": [1, 2], "b": [1, 2], "label": values}), path)
        with pytest.raises(DataError, match=f"column 'label': .*{message}"):
            read(path)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("1", " 2", "3 ", "1e3", "+4"), (1, 2, 3, 1000, 4)),
        (("true", "False", "TRUE", "0"), (1, 0, 1, 0)),
        (("NA", "n/a", "", "nan", "2"), (np.nan, np.nan, np.nan, np.nan, 2)),
        (("007", "1"), (7, 1)),
    ],
)
def test_features_are_numbers_or_missing(
    tmp_path: Path, cells: tuple[str, ...], numbers: tuple[float, ...]
) -> None:
    store = ColumnStore(write(tmp_path, {"x": cells}))
    np.testing.assert_array_equal(store.numbers(["x"])[: len(cells), 0], numbers)
    both = store.numbers(["a", "x"])
    np.testing.assert_array_equal(both[:, 0], np.arange(COUNT))


@pytest.mark.parametrize("wrong", ["low", "1,5", "10:00", "yes"])
def test_a_feature_that_is_no_number_is_named_with_its_row(tmp_path: Path, wrong: str) -> None:
    store = ColumnStore(write(tmp_path, {"x": ("1", "2", f'"{wrong}"')}))
    said = rf"column 'x': must hold numbers, not string; .* \(row 3 says '{wrong}'\)"
    with pytest.raises(DataError, match=said):
        store.numbers(["a", "x"])


def test_a_table_of_50000_columns_is_read_in_seconds(tmp_path: Path) -> None:
    count = 50_000
    named = [f"c{k}" for k in range(count)]
    rows = [",".join([*named, "label"])]
    rows += [",".join([*["0.25"] * (count - 1), str(row), "ab"[row % 2]]) for row in range(20)]
    (tmp_path / "wide.csv").write_text("\n".join(rows) + "\n")
    begun = time.process_time()
    store = ColumnStore(tmp_path / "wide.csv")
    cells = store.numbers(store.match([*named[:25_000], "c*"], ["label"]))
    assert cells.shape == (20, count)
    assert cells[7, -1] == 7
    assert set(store.get("label")) == {"a", "b"}
    # Guessing the types took a minute.
    assert time.process_time() - begun < 15


@pytest.mark.parametrize(
    ("encoding", "half"), [("utf-7", b"+2AA-"), ("unicode_escape", b"\\ud800")]
)
def test_half_a_character_is_no_text(tmp_path: Path, encoding: str, half: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,label\n1,x\n2," + half + b"\n")
    with pytest.raises(DataError, match="line 3 holds half a character, no text in " + encoding):
        read_text(tmp_path / "a.csv", encoding)
