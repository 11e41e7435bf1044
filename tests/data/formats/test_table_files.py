from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

from armtune.data.formats.columns import ColumnStore
from armtune.data.formats.dialects import Dialect, dialect_of
from armtune.errors import DataError


def cells(path: Path, encoding: str = "utf-8") -> dict[str, list[str]]:
    store = ColumnStore(path, encoding)
    return {name: store.text(name).tolist() for name in store.names}


def write(folder: Path, text: str, name: str = "own.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


EXPECTED = {"a": ["1", "2"], "b": ["x, y", "grün"]}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('a,b\n1,"x, y"\n2,grün\n', "own.csv"),
        ("a;b\n1;x, y\n2;grün\n", "own.csv"),
        ("a\tb\n1\tx, y\n2\tgrün\n", "own.csv"),
        ("a|b\n1|x, y\n2|grün", "own.csv"),
        ("a\tb\n1\tx, y\n2\tgrün\n", "own.tsv"),
        ("'a','b'\n'1','x, y'\n'2','grün'\n", "own.csv"),
        ('{"a": 1, "b": "x, y"}\n\n{"b": "grün", "a": 2}\n', "own.jsonl"),
    ],
)
def test_separators_quotes_marks_and_lines_are_found_out(
    tmp_path: Path, text: str, name: str, mark: str, ending: str
) -> None:
    assert cells(write(tmp_path, mark + text.replace("\n", ending), name)) == EXPECTED


def test_cells_may_hold_quotes_and_lines(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n1,"say ""so""\nand on"\n2,y\n')
    assert cells(path)["b"] == ['say "so"\nand on', "y"]
    path = write(tmp_path, 'a,b\n1,"say \\"so\\""\n2,"y"\n')
    assert cells(path)["b"] == ['say "so"', "y"]


def test_another_separator_is_taken_only_where_it_cuts_every_row() -> None:
    assert dialect_of("a\n1;2\n", ",") == Dialect(",")
    assert dialect_of("a,b\n1;2,3\n", ",") == Dialect(",")
    assert dialect_of("a;b\n1,5;2\n", ",") == Dialect(";")
    assert dialect_of("a;b;c\n1;2;3\n4;5", ",", whole=False) == Dialect(";")


def test_another_encoding_is_read_where_it_is_stated(tmp_path: Path) -> None:
    text = 'a;b\n1;"x, y"\n2;grün\n'
    for encoding in ("latin-1", "utf-16", "utf-8-sig", "UTF8"):
        assert cells(write(tmp_path, text, encoding=encoding), encoding) == EXPECTED
    with pytest.raises(DataError, match="line 3 is not text in utf-8"):
        cells(write(tmp_path, text, encoding="latin-1"))


def test_a_byte_that_is_no_text_is_found_far_into_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n" + "1,x\n" * 1_000_000)
    with path.open("ab") as file:
        file.write(b"2,gr\xfcn\n")
    with pytest.raises(DataError, match="line 1000002 is not text in utf-8"):
        cells(path)


def test_json_is_read_as_it_stands_there(tmp_path: Path) -> None:
    lines = ['{"a": 1.50, "b": true, "c": null}', '{"a": 10000000000000000001, "c": ["x", "y"]}']
    assert cells(write(tmp_path, "\n".join(lines), "own.jsonl")) == {
        "a": ["1.50", "10000000000000000001"], "b": ["true", ""], "c": ["", "x;y"],
    }  # fmt: skip


def test_a_column_that_comes_late_in_json_is_missing_before(tmp_path: Path) -> None:
    lines = ['{"a": 1}'] * 20_000 + ['{"a": 2, "late": "x"}']
    found = cells(write(tmp_path, "\n".join(lines), "own.jsonl"))
    assert found["late"] == [""] * 20_000 + ["x"]
    assert len(found["a"]) == 20_001


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: is no JSON"),
        ("[1, 2]", "line 2: must be a mapping"),
        ("[]", "line 2: must be a mapping"),
        ('{"a": {"b": 1}}', "line 2: column 'a': holds a mapping or list"),
        ('{"a": 1, "a": 2}', "line 2: two columns are called 'a'"),
    ],
)
def test_a_damaged_line_of_json_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        cells(write(tmp_path, f'{{"a": 1}}\n{line}\n', "own.jsonl"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_an_empty_file_and_a_lone_heading_are_told(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match=r"is empty|has no row"):
        cells(write(tmp_path, "", f"own{suffix}"))
    with pytest.raises(DataError, match=r"has a heading and no row|has no row"):
        cells(write(tmp_path, "" if suffix == ".jsonl" else "a\n", f"own{suffix}"))


def test_a_row_of_another_length_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"own\.csv: damaged \(row 2 has 3 cells, and the heading 2\)"):
        cells(write(tmp_path, "a,b\n1,2\n1,2,3\n4,5\n"))


def test_a_feather_file_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "own.feather"
    feather.write_feather(pa.table({"a": [1, 2], "b": ["x, y", "grün"]}), path)
    assert ColumnStore(path).typed
    assert cells(path) == EXPECTED


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_folder_with_a_subfolder_for_each_class_is_a_table(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/deep/2.JPG", "dog/3.png", "dog/notes.txt", "loose.png"):
        picture(tmp_path / name)
    assert cells(tmp_path) == {
        "file": ["cat/1.png", "cat/deep/2.JPG", "dog/3.png"], "label": ["cat", "cat", "dog"],
    }  # fmt: skip
    assert ColumnStore(tmp_path).folder == tmp_path


def test_folders_of_splits_are_recognised(tmp_path: Path) -> None:
    for name in ("Train/cat/1.png", "val/cat/2.png", "test/dog/3.png"):
        picture(tmp_path / name)
    found = cells(tmp_path)
    assert dict(zip(found["split"], found["label"], strict=True)) == {
        "train": "cat", "validation": "cat", "test": "dog",
    }  # fmt: skip


def test_a_folder_without_classes_is_a_column_of_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no file that ends in \.wav"):
        cells(tmp_path)
    picture(tmp_path / "1.png")
    assert cells(tmp_path) == {"file": ["1.png"]}


def test_numbers_of_a_json_file(tmp_path: Path) -> None:
    store = ColumnStore(write(tmp_path, '{"a": 1e3}\n{"a": null}', "own.ndjson"))
    np.testing.assert_array_equal(store.numbers(["a"])[:, 0], [1000, np.nan])
