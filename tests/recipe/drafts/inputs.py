"""Data of many kinds as people have them: each function writes some, and says how to ask for them.

A sample of class k has numbers, colours and words of class k, so that a training soon tells them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

Write = Callable[[Path], tuple[Path, list[str]]]
COUNT = 120
NAMES = ("ant", "bee", "cow")
WORDS = {
    "ant": "small red insect that carries leaves to its nest",
    "bee": "striped insect that flies and makes honey in summer",
    "cow": "large animal that eats grass and gives milk every day",
}


def classes(count: int = COUNT) -> np.ndarray:
    return np.arange(count) % len(NAMES)


def npz(folder: Path) -> tuple[Path, list[str]]:
    """Two modalities, groups, and an array that is none."""
    rng, own = np.random.default_rng(0), classes()
    views = {"camera": rng.normal(size=(COUNT, 6)) + own[:, None]}
    views["sensors"] = rng.normal(size=(COUNT, 9, 3)) + own[:, None, None]
    subjects = np.arange(COUNT) // 6
    np.savez(folder / "own.npz", **views, label=own, subject=subjects, age=subjects + 20.5)
    return folder / "own.npz", []


def npz_of_labels(folder: Path) -> tuple[Path, list[str]]:
    """Several labels a sample, splits of its own, and samples that lack a modality."""
    rng = np.random.default_rng(0)
    tags = rng.integers(0, 2, (COUNT, 3))
    left, right = (tags + rng.normal(size=tags.shape) / 4 for _ in range(2))
    right[:5] = np.nan
    split = np.array(["train"] * 80 + ["validation"] * 20 + ["test"] * 20)
    np.savez(folder / "tags.npz", left=left, right=right, tags=tags, split=split)
    return folder / "tags.npz", ["--label", "tags"]


def npy_folder(folder: Path) -> tuple[Path, list[str]]:
    """Values."""
    rng = np.random.default_rng(0)
    price = rng.normal(size=COUNT)
    (folder / "flats").mkdir()
    np.save(folder / "flats" / "flat.npy", price[:, None] + rng.normal(size=(COUNT, 4)) / 3)
    np.save(folder / "flats" / "street.npy", price[:, None] + rng.normal(size=(COUNT, 3)))
    np.save(folder / "flats" / "price.npy", price)
    return folder / "flats", ["--label", "price"]


def class_folder(folder: Path) -> tuple[Path, list[str]]:
    """A subfolder of pictures for each class."""
    for number, own in enumerate(classes(60)):
        (folder / "animals" / NAMES[own]).mkdir(parents=True, exist_ok=True)
        picture(folder / "animals" / NAMES[own] / f"{number}.png", own, number)
    return folder / "animals", []


def csv_of_all(folder: Path) -> tuple[Path, list[str]]:
    """Numbers, categories, dates, texts and pictures; some are missing."""
    (folder / "images").mkdir()
    rows = []
    for number, own in enumerate(classes()):
        picture(folder / "images" / f"{number}.png", own, number)
        row = facts(number, own) | {"photo": f"images/{number}.png" if number % 9 else ""}
        rows.append(row | {"kind": NAMES[own]})
    write_rows(folder / "animals.csv", rows)
    return folder / "animals.csv", ["--label", "kind"]


def csv_of_facts(folder: Path) -> tuple[Path, list[str]]:
    """One modality, separated by semicolons, with decimal commas; skewed classes."""
    rows = [
        {
            "weight": f"{0.1 * number + (number % 8 == 0):.3f}".replace(".", ","),
            "colour": ("red", "blue")[number % 2],
            "label": "rare" if number % 8 == 0 else "usual",
        }
        for number in range(COUNT)
    ]
    write_rows(folder / "semicolons.csv", rows, delimiter=";")
    return folder / "semicolons.csv", []


def tsv(folder: Path) -> tuple[Path, list[str]]:
    """Values, of a table with groups, splits, an identifier, a constant and a leak."""
    rng = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for number in range(COUNT):
        price = rng.normal()
        split = "test" if number % 5 == 0 else "validation" if number % 5 == 1 else "train"
        rows.append(
            {
                "id": f"flat-{number:04}",
                "patient": f"p{number // 5}",
                "usage": split,
                "currency": "EUR",
                "size": round(price + rng.normal() / 3, 3),
                "price": round(price, 4),
                "price_in_cents": round(100 * round(price, 4), 2),
            }
        )
    write_rows(folder / "flats.tsv", rows, delimiter="\t")
    return folder / "flats.tsv", ["--label", "price"]


def json_lines(folder: Path) -> tuple[Path, list[str]]:
    """Several labels a sample, as lists of names; texts and numbers."""
    rng = np.random.default_rng(0)
    lines = []
    for number in range(COUNT):
        own = [name for name in NAMES if rng.random() < 0.5] or [NAMES[number % 3]]
        text = f"note {number}: " + " ".join(WORDS[name] for name in own)
        sizes = {f"size_{name}": float(name in own) + rng.normal() / 3 for name in NAMES}
        lines.append(json.dumps({"notes": text, **sizes, "kinds": own}))
    (folder / "notes.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "notes.jsonl", ["--label", "kinds"]


def parquet_table(folder: Path) -> tuple[Path, list[str]]:
    """Typed columns, with missing ones."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [facts(number, own) | {"target": NAMES[own]} for number, own in enumerate(classes())]
    for row in rows:
        row["size"] = float(row["size"]) if row["size"] else None
        row["seen"] = date.fromisoformat(str(row["seen"]))
    parquet.write_table(pa.Table.from_pylist(rows), folder / "animals.parquet")
    return folder / "animals.parquet", []


def feather_table(folder: Path) -> tuple[Path, list[str]]:
    """Whole numbers that are values."""
    import pyarrow as pa
    from pyarrow import feather

    rng = np.random.default_rng(0)
    age = rng.integers(18, 90, COUNT)
    columns = {"pulse": age + rng.normal(size=COUNT), "steps": 100.0 - age, "age": age}
    feather.write_feather(pa.table(columns), str(folder / "people.feather"))
    return folder / "people.feather", ["--label", "age"]


def facts(number: int, own: int) -> dict[str, Any]:
    """A row's facts and texts."""
    return {
        "size": f"{own + number % 7 / 10}" if number % 10 else "",
        "region": ("north", "south", "east")[number // 3 % 3],
        "seen": str(date(2020, 1, 1) + timedelta(days=31 * int(own) + number)),
        "notes": f"no {number}: {WORDS[NAMES[own]]}",
    }


def picture(path: Path, own: int, number: int) -> None:
    """A picture of its class's colour, a little different each."""
    from PIL import Image

    pixels = np.full((12, 16, 3), number % 50, np.uint8)
    pixels[..., own] += 150
    Image.fromarray(pixels).save(path)


def write_rows(path: Path, rows: list[dict[str, Any]], **options: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), **options)
        table.writeheader()
        table.writerows(rows)


WRITE: dict[str, Write] = {
    write.__name__: write
    for write in (
        npz, npz_of_labels, npy_folder, class_folder, csv_of_all, csv_of_facts, tsv, json_lines,
        parquet_table, feather_table,
    )
}  # fmt: skip
