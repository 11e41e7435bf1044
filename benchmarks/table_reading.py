"""Reading a table: a file of a million rows and 20 columns read, typed, fitted and cached.

    python benchmarks/table_reading.py [ROWS] [csv | parquet]

Makes a file of its own: ten columns of numbers, some cells missing, five of categories, two of
dates, a short text, an identifier and the label. Tells seconds on the clock and of the processor,
and the most memory that the process had.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from armtune.datasets.table import Table

ROWS = 1_000_000
WORDS = ("red", "green", "blue", "large", "small", "old", "new", "fine", "plain", "soft")


def write(path: Path, rows: int) -> None:
    """The file."""
    rng = np.random.default_rng(0)
    columns: dict[str, pa.Array] = {"id": pa.array([f"row-{k}" for k in range(rows)])}
    for k in range(10):
        holes = rng.random(rows) < 0.02
        columns[f"number_{k}"] = pa.array(rng.normal(k, 1 + k, rows).round(4), mask=holes)
    for k in range(5):
        names = np.array([f"name {n}" for n in range(4 * 3**k)])
        columns[f"category_{k}"] = pa.array(names[rng.integers(0, len(names), rows)])
    for k in range(2):
        days = np.datetime64("2015-01-01") + rng.integers(0, 3000, rows)
        columns[f"date_{k}"] = pa.array(days.astype(str))
    words = np.array(WORDS)[rng.integers(0, len(WORDS), (rows, 4))]
    columns["text"] = pa.array([f"{' '.join(row)} {k % 5000}" for k, row in enumerate(words)])
    columns["label"] = pa.array(np.array(["a", "b", "c"])[rng.integers(0, 3, rows)])
    table = pa.table(columns)
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        parquet.write_table(table, path)


def main() -> None:
    """Writes the file in a process of its own, and reads it."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    name = f"own.{sys.argv[2] if len(sys.argv) > 2 else 'csv'}"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ARMTUNE_CACHE"] = f"{folder}/cache"
        path = Path(folder) / name
        if not (child := os.fork()):
            write(path, rows)
            os._exit(0)
        os.waitpid(child, 0)
        columns = {"words": ["text"], "facts": ["id", "number_*", "category_*", "date_*"]}
        data = Table(path=name, columns=columns, missing="indicator")
        begun, worked = time.perf_counter(), time.process_time()
        dataset = data.read(tuple(columns), Path(folder), lambda *_: None)
        seconds, work = time.perf_counter() - begun, time.process_time() - worked
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        size = path.stat().st_size / 1e6
    print(f"{rows} rows, {size:.0f} MB: {seconds:.0f} s, {work:.0f} s of the processor")
    print(f"most memory: {peak:.2f} GB; {dataset.shapes}; {dataset.description}")


if __name__ == "__main__":
    main()
