"""A file of rows whose text breaks off, or is no text, is told, and not read otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from armtune.data.downloads import find
from armtune.data.formats.table_files import read_columns
from armtune.errors import DataError


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("rest", ['3,"z\n4,u\n', '3,"z\n4,u', '3,"z\r\n4,u\r\n\r\n'])
def test_a_quote_that_is_never_closed_is_told(tmp_path: Path, rest: str, encoding: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,label\n1,x\n2,y\n" + rest.encode())
    with pytest.raises(DataError, match=r"table.csv: damaged \(row 3 has a quote that is never"):
        read_columns(path, encoding)


@pytest.mark.parametrize(
    "rest", ['3,"z\nu"\n', '3,"z\nu"', '3,"z\nu"\r\n\n', '3,5"\n', '3,"z ""\n"\n']
)
def test_a_quote_that_is_closed_is_read(tmp_path: Path, rest: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"a,label\n1,x\n2,y\n{rest}", newline="")
    assert [str(cell) for cell in read_columns(path).columns[0]] == ["1", "2", "3"]


@pytest.mark.parametrize("line", [r'{"a": "\ud800"}', r'{"\udfff": 1}', r'{"a": ["\ud800"]}'])
def test_half_a_character_in_json_is_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(f'{{"a": "\\ud83d\\ude00"}}\n{line}\n')
    with pytest.raises(DataError, match=r"table.jsonl, line 2: holds half of a character"):
        read_columns(path)
    path.write_text('{"a": "\\ud83d\\ude00"}\n')
    assert str(read_columns(path).columns[0][0]) == "\U0001f600"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet", "t.feather", "t.npz"])
def test_a_pipe_is_told_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=f"{name}: is a pipe or a device"):
        find(name, [tmp_path])
    if not name.endswith("npz"):
        with pytest.raises(DataError, match="is a pipe or a device"):
            read_columns(tmp_path / name)


@pytest.mark.parametrize("about", [b"[]", b"{", b"3", b'{"info": 3}', b"[" * 100_000, b"\xff"])
def test_odd_words_about_a_parquet_file_name_no_classes(about: bytes) -> None:
    import pyarrow as pa

    from armtune.data.formats.arrow_files import class_names

    table = pa.table({"label": [0, 1]}).replace_schema_metadata({b"huggingface": about})
    assert class_names(table, "label") is None
