"""Rows about samples: a CSV table, or a line of JSON each, in the terminal or in a file."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeVar

import typer

from armtune.cli._output import say
from armtune.text.escapes import csv_cell, for_terminal

if TYPE_CHECKING:
    from armtune.bundle import Predictor
    from armtune.data.inputs import Source

BundlePath = Annotated[
    Path, typer.Argument(metavar="DIR", help="An exported model.", show_default=False)
]
Samples = Annotated[
    Path,
    typer.Option(
        "--input",
        metavar="FILE",
        help="An .npz, or a folder of .npy files, with an array for each modality; "
        "a table of raw rows, or a CSV of files' paths, where the data set was one.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A CSV file.", show_default="the terminal")
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="A column of the table to put before the rest, such as an id; repeatable.",
        show_default="none",
    ),
]
JsonLines = Annotated[bool, typer.Option("--json", help="Lines of JSON instead of CSV.")]

Part = TypeVar("Part")
Kept = Mapping[str, Sequence[str]]
"""Columns of the samples' file by name, as they stand there."""


def read_samples(
    predictor: Predictor, source: Path, keep: Sequence[str] | None
) -> tuple[Mapping[str, Source], Kept]:
    """The samples, and the columns to keep; says which modalities are missing altogether."""
    samples = predictor.read(source)
    names = list(dict.fromkeys(keep or ()))
    kept = dict(zip(names, predictor.texts(source, names) if names else (), strict=True))
    absent = [m for m in predictor.shapes if m not in samples]
    if absent and len(absent) < len(predictor.shapes):
        say(f"without {', '.join(absent)}: replaced by its mean feature", err=True)
    return samples, kept


@contextmanager
def opened(output: Path | None, source: Path, bundle: Path) -> Iterator[TextIO]:
    """Where rows go; a file is there once it is whole.

    Raises:
        RunError: they would take the place of the samples, or of a file of the bundle.
    """
    from armtune.files import writing_to

    if output is None:
        yield sys.stdout
        return
    _refuse_to_replace(output, source, "samples")
    _refuse_to_replace(output, bundle, "model")
    odd = "backslashreplace"  # as the terminal has it
    with (
        writing_to(output) as place,
        place.open("w", newline="", encoding="utf-8", errors=odd) as file,
    ):
        yield file


def _refuse_to_replace(output: Path, read: Path, what: str) -> None:
    from armtune.errors import RunError
    from armtune.files import absolute, exists

    inside = absolute(output).parent == absolute(read)
    if exists(output) and (inside or (exists(read) and output.samefile(read))):
        raise RunError(f"{output}: the predictions would take the place of the {what}")


def begun(parts: Iterator[Part]) -> Iterator[Part]:
    """The same, of which the first is there at once: no output comes before a fault in it."""
    return chain(list(islice(parts, 1)), parts)


def write_table(
    columns: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]], kept: Kept, file: TextIO
) -> None:
    """Writes rows, each of a sample, as CSV."""
    table = csv.writer(file)
    shown = for_terminal if file.isatty() else str
    table.writerow(["sample", *(shown(csv_cell(name)) for name in (*kept, *columns))])
    for k, row in rows:
        cells = [*(own[k] for own in kept.values()), *row]
        table.writerow([k, *(shown(csv_cell(cell)) for cell in cells)])


def write_json(records: Iterable[tuple[int, dict[str, Any]]], kept: Kept, file: TextIO) -> None:
    """Writes records, each of a sample, as lines of JSON."""
    for k, record in records:
        own = {"kept": {name: cells[k] for name, cells in kept.items()}} if kept else {}
        file.write(json.dumps({"sample": k, **own, **record}) + "\n")
