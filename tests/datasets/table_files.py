"""Tables of every type of column, whose rows tell their number."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.datasets.media_files import write_image

COUNT = 60
COLUMNS = {"photo": ["picture"], "words": ["title", "tags"], "facts": ["maker", "price", "made"]}
Rows = list[dict[str, Any]]


def rows(folder: Path) -> Rows:
    """Rows with pictures, texts, a category, numbers, dates and an identifier.

    Of the first rows each lacks something; the last 20 are for test, and have what the others lack.
    """
    found = []
    for k in range(COUNT):
        write_image(folder / f"pictures/{k}.png", k % 3, k)
        last = k >= COUNT - 20
        found.append(
            {
                "id": f"item-{k}",
                "picture": "" if k in (1, 50) else f"pictures/{k}.png",
                "title": f"{('red', 'green', 'blue')[k % 3]} thing number {k}",
                "tags": "" if k % 5 == 0 else f"{'new' if last else 'old'}, tag{k % 7}",
                "maker": "unseen" if last and k % 2 else f"maker {k % 4}",
                "price": "" if k in (2, 51) else f"{k}.5",
                "made": "" if k in (3, 52) else f"20{10 + k % 9}-0{1 + k % 8}-11",
                "kind": ("a", "b", "c")[k % 3],
                "use": "test" if last else "validation" if k % 7 == 6 else "train",
            }
        )
    return found


def write(path: Path, own: Rows, columns: Sequence[str] = ()) -> Path:
    """A CSV of these columns of rows, in this order."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(columns) or list(own[0]), extrasaction="ignore")
        table.writeheader()
        table.writerows(own)
    return path


def options(**more: Any) -> dict[str, Any]:
    """Of the data set ``table``, for such rows in ``own.csv``."""
    own = {"path": "own.csv", "columns": COLUMNS, "label": "kind", "split": "use"}
    return {
        "name": "table",
        "missing": "indicator",
        "absent": "keep",
        "image_size": 8,
        **own,
        **more,
    }
