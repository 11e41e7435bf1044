"""The chosen trial's mark in figures that show all trials alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from armtune.report.optuna_plots import choice_text
from armtune.report.tables import CHOSEN_MARK, short_names

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from armtune.report.curves import Curve
    from armtune.report.run import RunReport

COLOUR = "#d62728"
STAR = {"symbol": "star", "size": 15, "color": COLOUR, "line": {"color": "black", "width": 1}}


def mark_trial(drawing: Figure, report: RunReport) -> None:
    """A line where the trial stands, in figures over the trials' numbers."""
    if report.chosen is not None:
        label = {"text": f"{CHOSEN_MARK} {report.chosen}", "showarrow": False}
        drawing.add_vline(x=report.chosen, line={"color": COLOUR, "width": 1, "dash": "dot"})
        # Inside the figure: above it stand plotly's buttons.
        drawing.add_annotation(
            label, x=report.chosen, y=1, yref="paper", xanchor="left", yanchor="top"
        )


def mark_curve(drawing: Figure, report: RunReport, curve: Curve, metric: str) -> None:
    """The trial's curve, above the others."""
    points = [(epoch["epoch"], epoch[metric]) for epoch in curve if metric in epoch]
    if points:
        xs, ys = zip(*points, strict=True)
        line, name = {"color": COLOUR, "width": 3}, f"{CHOSEN_MARK} chosen: trial {report.chosen}"
        drawing.add_scatter(x=xs, y=ys, mode="lines", line=line, name=name)


def mark_slices(drawing: Figure, report: RunReport, metric: str) -> None:
    """A star in each hyperparameter's part, by the axes' titles."""
    record = next((r for r in report.records if r.number == report.chosen), None)
    if record is None or metric not in record.metrics:
        return
    short = short_names(dimension.path for dimension in report.space.dimensions)
    values = {
        short[d.path]: choice_text(own) if d.kind not in ("float", "int") else own
        for d in report.space.dimensions
        if (own := record.values.get(d.path)) is not None
    }
    for axis, name in _axes(drawing).items():
        if name in values:
            drawing.add_scatter(
                x=[values[name]],
                y=[record.metrics[metric]], xaxis=axis, yaxis=axis.replace("x", "y"),
                mode="markers", marker=STAR, name=f"{CHOSEN_MARK} {report.chosen}",
                showlegend=False,
            )  # fmt: skip


def _axes(drawing: Figure) -> dict[str, Any]:
    """Titles of the axes below, by their names."""
    layout = drawing.layout.to_plotly_json()
    found = {key: axis.get("title", {}).get("text") for key, axis in layout.items() if _is_x(key)}
    return {f"x{key.removeprefix('xaxis')}": title for key, title in found.items()}


def _is_x(key: str) -> bool:
    return key.startswith("xaxis")
