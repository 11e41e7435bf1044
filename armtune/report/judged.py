"""What a run's exported model says of samples that it hasn't learnt, as its export measured it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from armtune.bundle.manifest import METRICS, read_manifest
from armtune.errors import RunError
from armtune.files import read_json
from armtune.report.examples import check_examples, read_previews
from armtune.report.tables import Grid, figure
from armtune.sweeps.study.folder import BEST

if TYPE_CHECKING:
    from pathlib import Path

    from armtune.sweeps.study.records import SweepResult

SPLITS = ("validation", "test")
Judged = Mapping[str, Any]
"""``target`` and ``outcomes`` of a bundle's manifest, as ``export.outcomes`` has the latter; and
``previews`` of samples, as ``report.examples`` has them."""


def read_judged(folder: Path, result: SweepResult) -> Judged:
    """What is known of the winner; nothing where another one was exported, or none."""
    best = folder / BEST
    try:
        manifest = read_manifest(best)
        metrics = read_json(best / METRICS)
        outcomes, about = dict(manifest["outcomes"]), dict(manifest["target"])
        own = metrics["trial"] == result.chosen and _models(metrics) == _exported(result)
        digest = str(dict(manifest.get("data", {})).get("digest", ""))
        _check(about["names"], outcomes)
    except (RunError, OSError, ValueError, LookupError, TypeError):
        return {}
    if not own:
        return {}
    previews = read_previews(folder, digest, split_of(outcomes))
    return {"target": about, "outcomes": outcomes, "previews": previews}


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
    for key, shape in _shapes(len(names), outcomes).items():
        table = np.asarray(outcomes.get(key, np.zeros(shape)), np.float64)
        if table.shape != shape or not np.isfinite(table).all():
            raise ValueError(f"{key} isn't numbers of shape {shape}")
    for modality, counts in dict(outcomes.get("alone", {})).items():
        if np.asarray(counts, np.float64).shape != (4,) or not np.isfinite(counts).all():
            raise ValueError(f"{modality} alone isn't four counts")
    check_examples(outcomes.get("examples", {}), len(names))


def _shapes(width: int, outcomes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes of what is known of values, or of as many classes or labels."""
    if "spreads" in outcomes:
        return {"spreads": (width, 4), "points": (width, 2, len(outcomes["points"][0][0]) or 1)}
    return {
        "counts": (width, 3),
        "calibration": (len(outcomes["calibration"]), 3),
        "confusion": (width, width),
    }


def split_of(outcomes: Mapping[str, Any]) -> str:
    """The split on which a model was judged; bundles of earlier versions don't say it."""
    return str(outcomes.get("split", "validation"))


def scores(counts: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Precision, recall and F1; None where there is nothing to divide by.

    Args:
        counts: how often a class or label is said rightly, said, and there.
    """
    hits, found, there = counts
    precision, recall = (hits / n if n else None for n in (found, there))
    return precision, recall, 2 * hits / (found + there) if found + there else None


def scores_grid(judged: Judged) -> Grid:
    """Precision, recall and F1 of each class or label, and how many samples have it."""
    rows, counts = list[tuple[str, ...]](), judged.get("outcomes", {}).get("counts", ())
    names = judged["target"]["names"] if counts else ()
    for name, own in zip(names, counts, strict=True):
        rows.append((str(name), *map(figure, scores(own)), f"{own[2]:.0f}"))
    columns = ("class or label", "precision", "recall", "F1", "samples")
    split = split_of(judged.get("outcomes", {}))
    return Grid(f"Scores by class or label, on {split}", columns, tuple(rows))


def alone_grid(judged: Judged) -> Grid:
    """Samples that the model gets right with all modalities, and that it does with one alone."""
    outcomes = judged.get("outcomes", {})
    rows = [
        (modality, *(f"{n:.0f}" for n in (sum(counts), *counts)))
        for modality, counts in outcomes.get("alone", {}).items()
    ]
    columns = ("modality", "samples", "both right", "only together", "only alone", "both wrong")
    title = f"With all modalities and with one alone, on {split_of(outcomes)}"
    return Grid(title, columns, tuple(rows))


def spreads_grid(judged: Judged) -> Grid:
    """How far off each predicted value is, in its own unit."""
    outcomes = judged.get("outcomes", {})
    spreads = outcomes.get("spreads", ())
    names = judged["target"]["names"] if spreads else ()
    rows = [
        (str(name), *(f"{x:.4g}" for x in own)) for name, own in zip(names, spreads, strict=True)
    ]
    columns = ("value", "mean", "std", "half are within", "90 % are within")
    return Grid(f"Predicted less true, on {split_of(outcomes)}", columns, tuple(rows))
