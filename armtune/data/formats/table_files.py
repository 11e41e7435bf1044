"""Files of rows and columns as Arrow columns: one reader a kind of file, none runs their code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.data.formats.dialects import Dialect, dialect_of
from armtune.data.formats.media import MEDIA_SUFFIXES
from armtune.data.formats.text_files import UTF_8, text_blocks
from armtune.errors import DataError
from armtune.files import refuse_pipes

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_BLOCK = 1 << 26
"""Bytes of text that are parsed at a time; a row must fit."""
UNEVEN = re.compile(r"Row #([0-9]+): Expected ([0-9]+) columns, got ([0-9]+)")
"""How Arrow begins to say that a row has more cells than others, or fewer."""
LINES = 1 << 14
"""Lines of JSON that are kept as Python's objects at a time."""
FILE, LABEL, SPLIT = "file", "label", "split"
"""Columns of a folder with a subfolder for each class."""
SPLIT_NAMES = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation",
    "val": "validation", "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
"""What folders of splits are called, in small letters."""


@dataclass(frozen=True)
class Columns:
    """A table as a file has it.

    Attributes:
        names: the columns' names, in the file's order.
        columns: those of a file of text are text.
        typed: whether the file itself says what a column holds.
        separator: between the cells of a file of text; empty elsewhere.
    """

    names: list[str]
    columns: list[pa.ChunkedArray]
    typed: bool = False
    separator: str = ""


def read_columns(path: Path, encoding: str = UTF_8) -> Columns:
    """The columns of a file, or of a folder with a subfolder for each class.

    Raises:
        DataError: it is of no kind that can be read, isn't there, is damaged, or has no row.
    """
    import pyarrow as pa

    suffix = path.suffix.lower()
    if not path.is_dir() and suffix not in READERS:
        raise DataError(f"{path}: must be a table, a file that ends in {', '.join(READERS)}")
    try:
        refuse_pipes(path)
        found = _folder(path) if path.is_dir() else READERS[suffix](path, encoding)
    except FileNotFoundError as error:
        raise DataError(f"{path}: isn't there") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged ({_reason(str(error))})") from error
    if not found.columns or not len(found.columns[0]):
        heading = "a heading and " if found.names else ""
        raise DataError(f"{path}: has {heading}no row")
    return found


def _reason(said: str) -> str:
    """What Arrow says, with rows counted as everywhere: the first after the heading is row 1."""
    if found := UNEVEN.search(said):
        row, wanted, got = map(int, found.groups())
        return f"row {row - 1} has {got} cells, and the heading {wanted}"
    return said.splitlines()[0]


def _parquet(path: Path, encoding: str) -> Columns:
    from pyarrow import parquet

    table = parquet.ParquetFile(path).read()
    return Columns(list(table.column_names), table.columns, typed=True)


def _feather(path: Path, encoding: str) -> Columns:
    from pyarrow import feather

    table = feather.read_table(path, memory_map=False)
    return Columns(list(table.column_names), table.columns, typed=True)


def _separated(usual: str) -> Callable[[Path, str], Columns]:
    """The reader of files of text whose separator is this one as a rule."""

    def read(path: Path, encoding: str) -> Columns:
        source, beginning, whole = _as_utf_8(path, encoding)
        dialect = dialect_of(beginning, usual, whole)
        heading = next(iter(dialect.rows(beginning)), [])
        if not heading:
            raise DataError(f"{path}: is empty; a heading and a row are needed at least")
        found = _cells(source, heading, dialect)
        _check_closed(path, source, found, dialect.quote)
        return found

    return read


def _check_closed(path: Path, source: Path | BytesIO, found: Columns, quote: str | bool) -> None:
    """Refuses a last cell whose quote is never closed: all rows after it would be part of it."""
    last = str(found.columns[-1][-1]) if len(found.columns[-1]) else ""
    if "\n" not in last and "\r" not in last:
        return
    end = source.getvalue() if isinstance(source, BytesIO) else source.read_bytes()
    if quote and not end.rstrip(b"\r\n").endswith(str(quote).encode()):
        row = len(found.columns[-1])
        raise DataError(f"{path}: damaged (row {row} has a quote that is never closed)")


def _cells(source: Path | BytesIO, heading: Sequence[str], dialect: Dialect) -> Columns:
    import pyarrow as pa
    from pyarrow import csv as arrow

    # The heading is read as a row, so that every column has a name before its type is guessed.
    types = {f"f{k}": pa.string() for k in range(len(heading))}
    table = arrow.read_csv(
        source,
        # Rows are counted in messages where there is one thread.
        arrow.ReadOptions(
            use_threads=False, block_size=LARGEST_BLOCK, autogenerate_column_names=True
        ),
        arrow.ParseOptions(
            delimiter=dialect.separator,
            quote_char=dialect.quote,
            escape_char=dialect.escape or False,
            double_quote=dialect.escape is None,
            newlines_in_values=True,
        ),
        arrow.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
    names = [str(column[0]) for column in table.columns]
    return Columns(names, table.slice(1).columns, separator=dialect.separator)


def _as_utf_8(path: Path, encoding: str) -> tuple[Path | BytesIO, str, bool]:
    """A file whose text is UTF-8, its beginning, and whether that is all of it.

    Every byte is looked at, so that what is no text is told with its line.
    """
    blocks = text_blocks(path, encoding)
    beginning = next(blocks, "")
    while "\n" not in beginning and (more := next(blocks, "")):
        beginning += more
    if encoding.lower().replace("_", "-") in (UTF_8, "utf8", "utf-8-sig"):
        # Arrow passes over the byte order mark.
        left = sum(map(len, blocks))
        return path, beginning.removeprefix("\ufeff"), not left
    content = BytesIO()
    content.write(beginning.removeprefix("\ufeff").encode(UTF_8))
    left = sum(content.write(block.encode(UTF_8)) for block in blocks)
    content.seek(0)
    return content, beginning.removeprefix("\ufeff"), not left


def _json_lines(path: Path, encoding: str) -> Columns:
    """A mapping a line; what a line leaves out is missing, numbers are as they stand there."""
    import pyarrow as pa
    from pyarrow import compute

    names: dict[str, None] = {}
    chunks: list[pa.Table] = []
    rows: list[dict[str, str]] = []
    for number, line in enumerate(_lines(path, encoding), 1):
        if not line.strip():
            continue
        rows.append(_mapping(line, f"{path}, line {number}"))
        names.update(dict.fromkeys(rows[-1]))
        if len(rows) == LINES:
            chunks.append(_chunk(rows, list(names)))
            rows = []
    chunks.append(_chunk(rows, list(names)))
    if not names:
        return Columns([], [])
    table = pa.concat_tables(chunks, promote_options="default")
    filled = [compute.fill_null(table[f"{k}"], "") for k in range(len(names))]
    return Columns(list(names), filled)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    rest = ""
    for number, block in enumerate(text_blocks(path, encoding)):
        text = rest + (block if number else block.removeprefix("\ufeff"))
        *whole, rest = text.split("\n")
        yield from whole
    yield rest


def _chunk(rows: Sequence[dict[str, str]], names: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    columns = {
        f"{k}": pa.array([row.get(name, "") for row in rows], pa.string())
        for k, name in enumerate(names)
    }
    return pa.table(columns)


def _mapping(line: str, place: str) -> dict[str, str]:
    try:
        pairs = json.loads(
            line, object_pairs_hook=list, parse_float=str, parse_int=str, parse_constant=str
        )
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: is no JSON ({error})") from error
    plain = isinstance(pairs, list) and all(isinstance(pair, tuple) for pair in pairs)
    if not plain or line.lstrip()[:1] != "{":
        raise DataError(f'{place}: must be a mapping of columns to values, such as {{"a": 1}}')
    row = {str(name): _as_cell(value, f"{place}: column {name!r}") for name, value in pairs}
    if "\\u" in line and not _is_whole(row):
        raise DataError(f"{place}: holds half of a character, such as \\ud800")
    if len(row) < len(pairs):
        twice = next(n for k, (n, _) in enumerate(pairs) if n in dict(pairs[:k]))
        raise DataError(f"{place}: two columns are called {twice!r}")
    return row


def _is_whole(row: dict[str, str]) -> bool:
    """Whether all names and cells are text; JSON can hold halves of characters."""
    try:
        "".join([*row, *row.values()]).encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_cell(value: Any, place: str) -> str:
    """A value of JSON as text; a list of texts as ``a;b``, as several labels are written."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ";".join(value)
    raise DataError(
        f"{place}: holds a mapping or list; a cell is a text, a number or a list of texts"
    )


def _folder(path: Path) -> Columns:
    """Files below a folder, which may have a subfolder for each class, and these one a split."""
    import pyarrow as pa

    files = sorted(
        file.relative_to(path)
        for file in path.rglob("*")
        if file.suffix.lower() in MEDIA_SUFFIXES
        and not any(p.startswith(".") for p in file.parts[-3:])
    )
    deep = [file for file in files if len(file.parts) > 1]
    if not files:
        raise DataError(f"{path}: holds no file that ends in {', '.join(MEDIA_SUFFIXES)}")
    if not deep:
        return Columns([FILE], [pa.chunked_array([[file.as_posix() for file in files]])])
    splits = {file.parts[0].lower() for file in deep} <= set(SPLIT_NAMES)
    at = 1 if splits and all(len(file.parts) > 2 for file in deep) else 0
    columns = {FILE: [file.as_posix() for file in deep], LABEL: [file.parts[at] for file in deep]}
    if at:
        columns[SPLIT] = [SPLIT_NAMES[file.parts[0].lower()] for file in deep]
    return Columns(list(columns), [pa.chunked_array([pa.array(c)]) for c in columns.values()])


READERS: dict[str, Callable[[Path, str], Columns]] = {
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
    ".parquet": _parquet,
    ".feather": _feather,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
"""By the end of a file's name, in small letters."""
