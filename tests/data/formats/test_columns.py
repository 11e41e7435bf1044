"""A table's columns as text."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from armtune.data.formats.columns import ColumnStore


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
