"""``armtune predict``: what an exported model says of samples."""

from __future__ import annotations

import csv
import json
import sys
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from armtune.cli._arguments import Plugins, run_plugins
from armtune.cli._output import say
from armtune.errors import RunError
from armtune.files import absolute, exists
from armtune.text.escapes import csv_cell, for_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from armtune.bundle import Predictor
    from armtune.data.inputs import Source
    from armtune.targets import Prediction

    Kept = Mapping[str, Sequence[str]]
    """Columns of the samples' file by name, as they stand there."""


def command(
    bundle: Annotated[
        Path, typer.Argument(metavar="DIR", help="An exported model.", show_default=False)
    ],
    source: Annotated[
        Path,
        typer.Option(
            "--input",
            metavar="FILE",
            help="An .npz, or a folder of .npy files, with an array for each modality; "
            "a table of raw rows, or a CSV of files' paths, where the data set was one.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A CSV file.", show_default="the terminal")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of the table to put before the predictions, such as an id; repeatable.",
            show_default="none",
        ),
    ] = None,
    plugins: Plugins = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON a sample, instead of CSV.")
    ] = False,
) -> None:
    """Predict each sample's class, labels or value; a missing modality is replaced by its mean.

    A sample lacks a modality where it is NaN throughout.

    Reads, predicts and writes piece by piece: the samples may be more than fit in memory.
    """
    from armtune.bundle import Predictor
    from armtune.files import writing_to

    if output is not None:
        _refuse_to_replace(output, source, bundle)
    run_plugins(plugins)
    predictor = Predictor(bundle)
    samples = predictor.read(source)
    names = list(dict.fromkeys(keep or ()))
    kept = dict(zip(names, predictor.texts(source, names) if names else (), strict=True))
    absent = [m for m in predictor.shapes if m not in samples]
    if absent and len(absent) < len(predictor.shapes):
        say(f"without {', '.join(absent)}: replaced by its mean feature", err=True)
    write = _write_json if as_json else _write
    if output is None:
        write(predictor, samples, kept, sys.stdout)
        return
    with writing_to(output) as place, place.open("w", newline="", encoding="utf-8") as file:
        write(predictor, samples, kept, file)


def _refuse_to_replace(output: Path, source: Path, bundle: Path) -> None:
    """Refuses an output whose place is taken by what is read.

    Raises:
        RunError: it is the samples' file, or one in their folder or in the bundle.
    """
    for read, what in ((source, "samples"), (bundle, "model")):
        inside = absolute(output).parent == absolute(read) and exists(output)
        if inside or (exists(output) and exists(read) and output.samefile(read)):
            raise RunError(f"{output}: the predictions would take the place of the {what}")


def _write(predictor: Predictor, samples: Mapping[str, Source], kept: Kept, file: TextIO) -> None:
    parts = _predictions(predictor, samples)
    table = csv.writer(file)
    shown = for_terminal if file.isatty() else str
    columns = [*kept, *predictor.target.columns]
    table.writerow(["sample", *(shown(csv_cell(name)) for name in columns)])
    rows = (row for part in parts for row in part.rows())
    for k, row in enumerate(rows):
        cells = [*(own[k] for own in kept.values()), *row]
        table.writerow([k, *(shown(csv_cell(cell)) for cell in cells)])


def _write_json(
    predictor: Predictor, samples: Mapping[str, Source], kept: Kept, file: TextIO
) -> None:
    parts = _predictions(predictor, samples)
    for k, record in enumerate(record for part in parts for record in part.records()):
        own = {"kept": {name: cells[k] for name, cells in kept.items()}} if kept else {}
        file.write(json.dumps({"sample": k, **own, **record}) + "\n")


def _predictions(predictor: Predictor, samples: Mapping[str, Source]) -> Iterator[Prediction]:
    """Piece by piece; the first is there at once, so that no output comes before a fault in it."""
    parts = predictor.stream(samples)
    return chain(list(islice(parts, 1)), parts)
