from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from armtune.data.columns.guess import Guess, guess, guess_columns
from armtune.data.formats.columns import ColumnStore
from armtune.errors import DataError

ROWS = 40


def repeated(cells: Sequence[str]) -> list[str]:
    return [cells[row % len(cells)] for row in range(ROWS)]


def write(folder: Path, columns: Mapping[str, Sequence[str]], separator: str = ",") -> Path:
    lines = [separator.join(columns)]
    lines += [
        separator.join(f'"{cell}"' if separator in cell else cell for cell in row)
        for row in zip(*columns.values(), strict=True)
    ]
    path = folder / "own.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def taken_for(folder: Path, cells: Sequence[str], name: str = "x", separator: str = ",") -> Guess:
    columns = {name: repeated(cells), "other": repeated(["a", "b"])}
    return guess(ColumnStore(write(folder, columns, separator)), name)


NUMBERED = [str(k) for k in range(ROWS)]
SENTENCES = [f"a text of some words that is number {k}" for k in range(ROWS)]

CASES: list[tuple[Sequence[str], str, str, str]] = [
    (NUMBERED, "x", "number", "every cell is a number"),
    (["1", "2.5", "-3e2", ""], "x", "number", "every cell is a number"),
    (["1", "?", "NA", "2"], "x", "number", "'?' and 'NA' stand for missing ones"),
    (["1,5", "2,25", "7"], "x", "number", "with a decimal comma"),
    (["1.234,5", "7,25"], "x", "number", "with a decimal comma"),
    (["1,234.5", "12"], "x", "number", "every cell is a number"),
    (["true", "FALSE"], "x", "number", "truth values"),
    (["01", "02", "10"], "zip", "category", "digits that begin with 0 are codes"),
    (["red", "blue", "green"], "x", "category", "3 different values in 40 cells"),
    (["NA", "b", ""], "x", "category", "2 different values in 27 cells"),
    (["not very good at all, I say", "rather fine, as these things go"], "x", "category", "2"),
    (SENTENCES, "x", "text", "texts of 9.0 words, 100% of them different"),
    (["2020-01-31", "2021-02-01"], "x", "date", "written %Y-%m-%d"),
    (["2020-01-31T10:00:00Z", "2021-02-01T11:30:01.5+02:00"], "x", "date", "%H:%M:%S"),
    (["31.1.2020", "1.2.2021"], "x", "date", "written %d.%m.%Y"),
    (["1/31/2020", "2/1/2021"], "x", "date", "written %m/%d/%Y"),
    (["31/1/2020", "2/1/2021"], "x", "date", "written %d/%m/%Y"),
    (["1/2/2020", "2/1/2021"], "x", "date", "perhaps as %m/%d/%Y: types could say"),
    (["Jan 5, 2020", "Feb 6, 2021"], "x", "date", "%b %d, %Y"),
    (["20200131", "20210201"], "x", "date", "eight digits"),
    (["10:30", "23:59"], "x", "date", "written %H:%M"),
    (["a/1.PNG", "b/2.jpg", ""], "x", "image", "ends in .jpg or .png"),
    (["1.wav", "NA"], "x", "sound", "'NA' stand for missing ones"),
    (["1.mp4", "2.avi"], "x", "video", "1.mp4 isn't there"),
    (["1.npy", "2.npy"], "x", "array", "ends in .npy"),
    ([f"P-{k:03}" for k in range(ROWS)], "x", "identifier", "40 different values in 40 cells"),
    (NUMBERED, "user_id", "identifier", "left out"),
    (NUMBERED, "", "identifier", "left out"),
    ([f"{10**12 + k}" for k in range(ROWS)], "x", "identifier", "left out"),
    ([f"{k:05}" for k in range(ROWS)], "x", "identifier", "left out"),
    (["same"], "x", "constant", "every cell says the same"),
    (["", " "], "x", "empty", "every cell is missing"),
    (["yes", ""], "x", "category", "1 different values in 20 cells"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "name", "kind", "reason"), CASES)
def test_a_column_is_taken_for_what_its_cells_are(
    tmp_path: Path, cells: Sequence[str], name: str, kind: str, reason: str
) -> None:
    found = taken_for(tmp_path, cells, name)
    assert found.type == kind, found
    assert reason in found.reason
    assert found.left_out == (kind in ("identifier", "constant", "empty"))


def test_three_examples_and_the_missing_cells_are_told(tmp_path: Path) -> None:
    found = taken_for(tmp_path, ["7", "", "8", "?", "9", "10", "7", "11"])
    assert found.examples == ("7", "8", "9")
    assert found.missing == 10


def test_a_thousand_of_which_nothing_else_tells_is_one_where_commas_separate(
    tmp_path: Path,
) -> None:
    assert taken_for(tmp_path, ["1,234", "5,678"]).written == "point"
    assert taken_for(tmp_path, ["1,234", "5,678"], separator=";").written == "comma"


def test_columns_of_a_typed_file(tmp_path: Path) -> None:
    day = datetime.datetime(2020, 1, 31, 10)
    columns: dict[str, Any] = {
        "whole": pa.array(range(ROWS)),
        "fraction": pa.array([k / 3 for k in range(ROWS)]),
        "id": pa.array(range(ROWS)),
        "truth": pa.array([k % 2 == 0 for k in range(ROWS)]),
        "moment": pa.array([day + datetime.timedelta(hours=k) for k in range(ROWS)]),
        "day": pa.array([(day + datetime.timedelta(days=k)).date() for k in range(ROWS)]),
        "name": pa.array(repeated(["a", "b"])).dictionary_encode(),
        "list": pa.array([[k] for k in range(ROWS)]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "own.parquet")
    found = guess_columns(ColumnStore(tmp_path / "own.parquet"))
    kinds = {name: own.type for name, own in found.items()}
    assert kinds == {
        "whole": "number", "fraction": "number", "id": "identifier", "truth": "number",
        "moment": "date", "day": "date", "name": "category", "list": "unread",
    }  # fmt: skip


def test_a_column_that_isnt_there_is_named(tmp_path: Path) -> None:
    store = ColumnStore(write(tmp_path, {"colour": ["a", "b"]}))
    with pytest.raises(DataError, match="no column 'color'; did you mean 'colour'"):
        guess(store, "color")


@pytest.mark.parametrize("numbers", [NUMBERED, ["3", "4"] * (ROWS // 2)], ids=["all differ", "few"])
def test_a_cell_that_is_no_number_among_numbers_is_named(
    tmp_path: Path, numbers: Sequence[str]
) -> None:
    found = taken_for(tmp_path, [*numbers[:30], "oops", *numbers[31:]])
    assert found.doubt == "39 of 40 are numbers, and row 31 says 'oops'"
    assert found.doubt in found.reason
    assert taken_for(tmp_path, [*NUMBERED[:20], *SENTENCES[:20]]).doubt == ""
    assert taken_for(tmp_path, numbers).doubt == ""
