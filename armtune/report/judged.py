"""What a run's exported model says of samples that it hasn't learnt, as its export measured it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from armtune.bundle.manifest import METRICS, read_manifest
from armtune.errors import RunError
from armtune.report.tables import Grid, figure
from armtune.sweeps.study.folder import BEST

if TYPE_CHECKING:
    from pathlib import Path

    from armtune.sweeps.study.records import SweepResult

SPLITS = ("validation", "test")
Judged = Mapping[str, Any]
"""``target`` and ``outcomes`` of a bundle's manifest, as ``export.outcomes`` has the latter."""


def read_judged(folder: Path, result: SweepResult) -> Judged:
    """What is known of the winner; nothing where another one was exported, or none."""
    best = folder / BEST
    try:
        manifest = read_manifest(best)
        metrics = json.loads((best / METRICS).read_text(encoding="utf-8"))
        outcomes, about = dict(manifest["outcomes"]), dict(manifest["target"])
        own = metrics["trial"] == result.chosen and _models(metrics) == _exported(result)
        _check(about["names"], outcomes)
    except (RunError, OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}
    return {"target": about, "outcomes": outcomes} if own else {}


def _models(metrics: Mapping[str, Any]) -> Any:
    """The models of a bundle's ensemble; none of a lone model."""
    return metrics["ensemble"]["models"] if "ensemble" in metrics else []


def _exported(result: SweepResult) -> list[dict[str, float]]:
    """The models of the ensemble that a run exports; none where it exports a trial."""
    return result.ensemble.models if result.ensemble and result.ensemble.stands else []


def _check(names: Any, outcomes: Mapping[str, Any]) -> None:
    """Refuses what no export writes.

    Raises:
        ValueError: it is that.
    """
    if split_of(outcomes) not in SPLITS:
        raise ValueError(f"no model is judged on {split_of(outcomes)!r}")
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


def split_of(outcomes: Mapping[str, Any]) -> str:
    """The split on which a model was judged; bundles of earlier versions don't say it."""
    return str(outcomes.get("split", "validation"))


def scores_grid(judged: Judged) -> Grid:
    """Precision, recall and F1 of each class or label, and how many samples have it."""
    rows, counts = [], judged["outcomes"]["counts"] if judged else ()
    names = judged["target"]["names"] if judged else ()
    for name, (hits, found, there) in zip(names, counts, strict=True):
        precision, recall = (hits / n if n else None for n in (found, there))
        both = 2 * hits / (found + there) if found + there else None
        rows.append((str(name), *map(figure, (precision, recall, both)), f"{there:.0f}"))
    columns = ("class or label", "precision", "recall", "F1", "samples")
    split = split_of(judged.get("outcomes", {}))
    return Grid(f"Scores by class or label, on {split}", columns, tuple(rows))
