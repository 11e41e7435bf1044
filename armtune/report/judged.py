"""What a run's exported model says of samples that it hasn't learnt, as its export measured it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from armtune.bundle.manifest import METRICS, read_manifest
from armtune.errors import RunError
from armtune.files import read_json
from armtune.report.tables import Grid, figure
from armtune.sweeps.study.folder import BEST

if TYPE_CHECKING:
    from pathlib import Path

    from armtune.sweeps.study.records import SweepResult

Judged = Mapping[str, Any]
"""``target`` and ``outcomes`` of a bundle's manifest, as ``export.outcomes`` has the latter."""


def read_judged(folder: Path, result: SweepResult) -> Judged:
    """What is known of the winner; nothing where another one was exported, or none."""
    best = folder / BEST
    try:
        manifest = read_manifest(best)
        metrics = read_json(best / METRICS)
        outcomes, about = dict(manifest["outcomes"]), dict(manifest["target"])
        own = metrics["trial"] == result.chosen and "ensemble" not in metrics
        _check(about["names"], outcomes)
    except (RunError, OSError, ValueError, LookupError, TypeError):
        return {}
    return {"target": about, "outcomes": outcomes} if own else {}


def _check(names: Any, outcomes: Mapping[str, Any]) -> None:
    """Refuses what no export writes.

    Raises:
        ValueError: it is that.
    """
    width = len(names)
    shapes = {
        "counts": (width, 3),
        "calibration": (len(outcomes["calibration"]), 3),
        "confusion": (width, width),
    }
    for key, (rows, columns) in shapes.items():
        table = np.asarray(outcomes.get(key, np.zeros((rows, columns))), np.float64)
        if table.shape != (rows, columns) or not np.isfinite(table).all():
            raise ValueError(f"{key} isn't a table of {rows} rows and {columns} columns")


def scores_grid(judged: Judged) -> Grid:
    """Precision, recall and F1 of each class or label, and how many samples have it."""
    rows, counts = [], judged["outcomes"]["counts"] if judged else ()
    names = judged["target"]["names"] if judged else ()
    for name, (hits, found, there) in zip(names, counts, strict=True):
        precision, recall = (hits / n if n else None for n in (found, there))
        both = 2 * hits / (found + there) if found + there else None
        rows.append((str(name), *map(figure, (precision, recall, both)), f"{there:.0f}"))
    columns = ("class or label", "precision", "recall", "F1", "samples")
    return Grid("Scores by class or label, on validation", columns, tuple(rows))
