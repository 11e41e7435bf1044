"""Several runs beside each other: what each chose, and in what their recipes differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from armtune.report.run import RunReport
from armtune.report.tables import Grid, figure, goal_metrics, short_names, spread_text, values_text


def chosen_grid(reports: Sequence[RunReport]) -> Grid:
    """Each run's chosen trial: its metrics, its means over the seeds where it was re-trained."""
    metrics = goal_metrics(reports[0].goals)
    columns = ("key", "trials", "front", "chosen", *metrics, "values")
    return Grid("Chosen trials", columns, tuple(_chosen(report, metrics) for report in reports))


def recipe_grid(reports: Sequence[RunReport]) -> Grid:
    """The keys in which the recipes differ, a column a run."""
    flat = [dict(_flat(report.content)) for report in reports]
    keys = dict.fromkeys(key for recipe in flat for key in recipe)
    differing = [k for k in keys if len({str(recipe.get(k, "–")) for recipe in flat}) > 1]
    rows = [(key, *(str(recipe.get(key, "–")) for recipe in flat)) for key in differing]
    return Grid("Where the recipes differ", ("key", *(r.label for r in reports)), tuple(rows))


def _chosen(report: RunReport, metrics: Sequence[str]) -> tuple[str, ...]:
    by_number = {record.number: record for record in report.records}
    counts = (str(len(report.records)), str(len(report.front)))
    if report.chosen is None:
        return (report.label, *counts, "none", *("–" for _ in metrics), "")
    record, seeds = by_number[report.chosen], report.confirmed.get(report.chosen, ())
    cells = [
        spread_text(seeds, metric) if seeds else figure(record.metrics.get(metric))
        for metric in metrics
    ]
    values = values_text(record.values, short_names(record.values))
    return (report.label, *counts, str(report.chosen), *cells, values)


def _flat(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings by dotted path."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _flat(value, f"{path}.{key}".removeprefix("."))
    else:
        yield path, content
