"""The references as a table and in JSON's types."""

from __future__ import annotations

from typing import Any

from armtune.references import Reference, References
from armtune.report.tables import CHOSEN_MARK, Grid, figure, jsonable


def references_grid(references: References) -> Grid:
    """A row for each reference; the best on validation carries a star."""
    missing = sorted({m for each in references.found for m in each.missing})
    best = references.best
    rows = [
        (
            f"{each.name} {CHOSEN_MARK}" if each == best else each.name,
            figure(each.validation),
            figure(each.test),
            *(figure(each.missing.get(m)) for m in missing),
            each.reason or f"{each.seconds:.1f}",
        )
        for each in references.found
    ]
    columns = ("method", "validation", "test", *(f"test without {m}" for m in missing), "seconds")
    return Grid(f"References ({references.score} of simple models)", columns, tuple(rows))


def references_dict(references: References) -> dict[str, Any]:
    """All references as JSON can hold them."""
    best, single = references.best, references.best_single
    return {
        "score": references.score,
        "test_samples": references.samples,
        "best": best and best.name,
        "best_single": single and single.name,
        "failure": references.failure,
        "references": [_dict(each) for each in references.found],
    }


def _dict(each: Reference) -> dict[str, Any]:
    return {
        "name": each.name,
        "model": each.model,
        "reads": each.how,
        "modality": each.modality,
        "validation": jsonable(each.validation),
        "test": jsonable(each.test),
        "missing": {m: jsonable(x) for m, x in each.missing.items()},
        "seconds": each.seconds,
        "reason": each.reason,
    }
