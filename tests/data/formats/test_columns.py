"""A table's columns as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from armtune.data.formats.columns import ColumnStore
from armtune.errors import DataError


def test_cells_of_a_file_of_text_take_the_place_of_what_stood_there(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("a,b\n 1 , x\n2,y \n")
    store = ColumnStore(tmp_path / "own.csv")
    first = store.cells("a")
    assert first is not None
    assert first.to_pylist() == ["1", "2"]
    assert store.cells("a") is not None
    assert store.column("a").to_pylist() == ["1", "2"]
    assert store.numbers(["a"])[:, 0].tolist() == [1, 2]
    assert store.get("b").tolist() == ["x", "y"]


def test_cells_of_a_typed_file_leave_its_values(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1.5, None]}), tmp_path / "own.parquet")
    store = ColumnStore(tmp_path / "own.parquet")
    cells = store.cells("a")
    assert cells is not None
    assert cells.to_pylist() == ["1.5", ""]
    assert store.holds_fractions("a")


def test_cells_that_are_missing_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("a,b\n1,x\n2,\n3, \n", encoding="utf-8")
    store = ColumnStore(tmp_path / "own.csv")
    store.check_whole("b", np.ones(3, bool))
    said = f"{tmp_path / 'own.csv'}: column 'b': 2 of 3 cells are missing, the first in row 2"
    for ask, ending in [
        (lambda: store.get("b"), ""),
        (lambda: store.check_whole("b", store.filled("b", False), "; do"), "; do"),
    ]:
        with pytest.raises(DataError) as told:
            ask()
        assert str(told.value) == said + ending
