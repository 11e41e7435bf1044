"""The report's figures (plotly): front, contributions, importances, timeline, curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from plotly import graph_objects as go

from armtune.report.curves import Curve
from armtune.report.plots import VIEWED, Plane, axis_label
from armtune.report.run import RunReport
from armtune.report.tables import (
    STATE_WORDS,
    contributions,
    figure,
    short_names,
    spread,
    values_text,
)
from armtune.sweeps.study.records import TrialRecord
from armtune.text.escapes import for_plotly

COLOURS = {"COMPLETE": "#4c72b0", "PRUNED": "#b0b0b0", "FAIL": "#c44e52", "RUNNING": "#17becf"}
LABELLED = 20
"""Classes up to which the confusion's cells have their counts in them."""
PALETTE = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860")


def front(reports: Sequence[RunReport]) -> go.Figure:
    """The trials of one or several runs over their first two objectives, with each run's front.

    The chosen trial is a star, trial 0 (the recipe's own values) a square, and a re-trained trial
    has its mean over the seeds with bars of one standard deviation.
    """
    plane = Plane.of(reports[0].goals)
    drawing = go.Figure()
    for report, colour in zip(reports, ("#dd8452", *PALETTE), strict=False):
        prefix = f"{for_plotly(report.label)}: " if len(reports) > 1 else ""
        drawing.add_traces(list(_front_traces(report, plane, colour, prefix)))
    xs, ys = _view(reports, plane)
    drawing.update_xaxes(title=axis_label(plane.x, plane.x_direction, "right", "left"), range=xs)
    drawing.update_yaxes(title=axis_label(plane.y, plane.y_direction, "up", "down"), range=ys)
    return drawing


def modality_contributions(report: RunReport) -> go.Figure:
    """Each modality's contribution in each trial, and a line as long as the gap."""
    records = [r for r in report.records if contributions([r])]
    drawing = go.Figure()
    gaps = [_ends(record) for record in records]
    xs = [x for record in records for x in (record.number, record.number, None)]
    ys = [y for low, high in gaps for y in (low, high, None)]
    line = {"color": "#cccccc", "width": 1}
    drawing.add_scatter(x=xs, y=ys, mode="lines", line=line, name="gap", hoverinfo="skip")
    for name, colour in zip(contributions(records), PALETTE, strict=False):
        drawing.add_scatter(
            x=[record.number for record in records],
            y=[record.metrics.get(name) for record in records],
            text=[_about(record, report) for record in records],
            mode="markers",
            marker={"color": colour, "symbol": [_symbol(record) for record in records]},
            hovertemplate="%{y:.4f}<br>%{text}",
            name=name.partition("/")[2],
        )
    drawing.update_xaxes(title="trial (hollow: not trained to its full length)")
    drawing.update_yaxes(title=f"contribution to the {report.goals.score.replace('_', ' ')}")
    return drawing


def importance(shares: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """How much each hyperparameter matters to each metric.

    Args:
        shares: metric → hyperparameter → share of the metric's variance.
    """
    names = list(dict.fromkeys(name for found in shares.values() for name in found))[::-1]
    drawing = go.Figure()
    for (metric, found), colour in zip(shares.items(), PALETTE, strict=False):
        values = [found.get(name, 0.0) for name in names]
        drawing.add_bar(x=values, y=names, orientation="h", name=metric, marker={"color": colour})
    drawing.update_xaxes(title="share of the metric's variance among complete trials (fANOVA)")
    drawing.update_layout(barmode="group", height=140 + 46 * max(len(names), 2))
    return drawing


def timeline(report: RunReport) -> go.Figure:
    """When each trial ran, one above the other where several ran at once, coloured by its end."""
    lanes = _lanes(report.records)
    now = max((max(r.started, r.ended) for r in report.records), default=0.0)
    drawing = go.Figure()
    for state, colour in COLOURS.items():
        records = [r for r in report.records if r.state == state and r.started]
        lengths = [(record.ended or now) - record.started for record in records]
        drawing.add_bar(
            base=[_moment(record.started) for record in records],
            x=[1000 * length for length in lengths],
            y=[lanes[record.number] for record in records],
            orientation="h",
            marker={"color": colour, "line": {"color": "white", "width": 1}},
            text=[str(record.number) for record in records],
            customdata=[
                f"{_about(r, report)}<br>{s:.1f} s{_reason(r)}"
                for r, s in zip(records, lengths, strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
            name=f"{STATE_WORDS[state]} ({len(records)})",
        )
    drawing.update_layout(barmode="overlay", height=170 + 26 * (max(lanes.values(), default=0) + 1))
    drawing.update_xaxes(type="date", title="time (UTC)")
    drawing.update_yaxes(title="trials at once", dtick=1)
    return drawing


def learning(report: RunReport, found: Mapping[int, Curve], metric: str) -> go.Figure:
    """A metric by epoch, a line for each trial, with the rungs where trials were compared."""
    drawing = go.Figure()
    for state, colour in COLOURS.items():
        numbers = [r.number for r in report.records if r.state == state and r.number in found]
        points = [point for number in numbers for point in _line(found[number], metric, number)]
        if points:
            xs, ys, texts = zip(*points, strict=True)
            drawing.add_scatter(
                x=xs, y=ys, text=texts, mode="lines", line={"color": colour, "width": 1},
                opacity=0.7, hovertemplate="trial %{text}, epoch %{x}: %{y:.4f}<extra></extra>",
                name=f"{STATE_WORDS[state]} ({len(numbers)})",
            )  # fmt: skip
    recipe = report.recipe
    for rung in recipe.sweep.pruner.rungs(recipe.training.epochs):
        drawing.add_vline(x=rung, line={"dash": "dot", "color": "#888888", "width": 1})
    drawing.update_xaxes(title="epoch (dotted: rungs)")
    drawing.update_yaxes(title=metric.replace("_", " "), range=_after_the_first(found, metric))
    return drawing


def confusion(names: Sequence[str], counts: Sequence[Sequence[int]]) -> go.Figure:
    """How often each class is said to be which: shares of the true class's samples, and counts."""
    shown = list(map(for_plotly, names))
    shares = [[n / (sum(row) or 1) for n in row] for row in counts]
    drawing = go.Figure()
    drawing.add_heatmap(
        x=shown, y=shown, z=shares, text=counts, zmin=0, zmax=1, colorscale="Blues",
        texttemplate="%{text}" if len(names) <= LABELLED else None,
        hovertemplate="true %{y}, said %{x}: %{text} (%{z:.0%})<extra></extra>",
        colorbar={"title": "share", "tickformat": ".0%"},
    )  # fmt: skip
    drawing.update_xaxes(title="said to be", type="category")
    drawing.update_yaxes(title="truly", type="category", autorange="reversed")
    drawing.update_layout(height=180 + 28 * max(len(names), 8))
    return drawing


def calibration(bins: Sequence[Sequence[float]]) -> go.Figure:
    """How often what is said with some probability is right.

    Args:
        bins: of each the number of answers, their mean probability, and the share that is right.
    """
    counts, sure, right = zip(*bins, strict=True)
    largest = max(counts)
    drawing = go.Figure()
    line = {"color": "#999999", "dash": "dot", "width": 1}
    drawing.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, name="as right as it says")
    drawing.add_scatter(
        x=sure, y=right, text=[f"{n:.0f} answers" for n in counts], mode="lines+markers",
        marker={"size": [6 + 14 * (n / largest) ** 0.5 for n in counts], "color": PALETTE[0]},
        hovertemplate="%{text}: said %{x:.0%}, right %{y:.0%}<extra></extra>", name="the winner",
    )  # fmt: skip
    drawing.update_xaxes(title="probability that is said", range=(0, 1.02), tickformat=".0%")
    drawing.update_yaxes(title="share that is right", range=(0, 1.02), tickformat=".0%")
    return drawing


Range = tuple[float, float] | None


def _view(reports: Sequence[RunReport], plane: Plane) -> tuple[Range, Range]:
    """Ranges of both axes that hold the complete trials; None for those that hold everything."""
    complete = [r for report in reports for r in report.records if r.state == "COMPLETE"]
    points = [point for record in complete if (point := plane.point(record))]
    seeds = [seed for report in reports for found in report.confirmed.values() for seed in found]
    points += [(s[plane.x], s[plane.y]) for s in seeds if plane.x in s and plane.y in s]
    if len(complete) < VIEWED:
        return None, None
    x, y = (_around(values) for values in zip(*points, strict=True))
    return x, y


def _around(values: Sequence[float]) -> Range:
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.01
    return low - room, high + room


def _front_traces(
    report: RunReport, plane: Plane, colour: str, prefix: str
) -> Iterable[go.Scatter]:
    points = {r.number: p for r in report.records if r.state != "FAIL" and (p := plane.point(r))}
    by_number = {record.number: record for record in report.records}
    if not prefix:
        for state in ("PRUNED", "RUNNING", "COMPLETE"):
            yield _trials([r for r in report.records if r.state == state], points, report)
    shown = sorted((n for n in report.front if n in points), key=lambda n: points[n])
    step = "hv" if plane.x_direction == "minimize" else "vh"
    yield go.Scatter(
        x=[points[n][0] for n in shown],
        y=[points[n][1] for n in shown],
        text=[_about(by_number[n], report) for n in shown],
        mode="lines+markers" if plane.x_direction else "markers",
        line={"color": colour, "shape": step},
        marker={"size": 10, "color": colour},
        hovertemplate="%{text}",
        name=f"{prefix}front ({len(shown)})",
    )
    if 0 in points:
        square = {"symbol": "square-open", "size": 13, "color": colour if prefix else "black"}
        yield _mark(points[0], square, f"{prefix}the recipe's own values: trial 0")
    if report.chosen in points:
        star = {"symbol": "star", "size": 17, "color": colour if prefix else "#d62728"}
        star["line"] = {"color": "black", "width": 1}
        yield _mark(points[report.chosen], star, f"{prefix}chosen: trial {report.chosen}")
    yield from _confirmed(report, plane, colour if prefix else "black", prefix)


def _trials(
    records: Sequence[TrialRecord], points: Mapping[int, tuple[float, float]], report: RunReport
) -> go.Scatter:
    shown = [record for record in records if record.number in points]
    state = shown[0].state if shown else "COMPLETE"
    return go.Scatter(
        x=[points[record.number][0] for record in shown],
        y=[points[record.number][1] for record in shown],
        text=[_about(record, report) for record in shown],
        mode="markers",
        marker={"color": COLOURS[state], "opacity": 0.85 if state == "COMPLETE" else 0.5},
        hovertemplate="%{text}",
        name=f"{STATE_WORDS[state]} ({len(shown)})",
        visible=bool(shown),
    )


def _mark(point: tuple[float, float], marker: dict[str, Any], name: str) -> go.Scatter:
    return go.Scatter(x=[point[0]], y=[point[1]], mode="markers", marker=marker, name=name)


def _confirmed(report: RunReport, plane: Plane, colour: str, prefix: str) -> Iterable[go.Scatter]:
    for number, seeds in report.confirmed.items():
        x, y = spread(seeds, plane.x), spread(seeds, plane.y)
        if x and y:
            yield go.Scatter(
                x=[x[0]], y=[y[0]], error_x={"array": [x[1]]}, error_y={"array": [y[1]]},
                mode="markers", marker={"symbol": "diamond", "color": colour, "size": 8},
                legendgroup=f"{prefix}confirmed", showlegend=number == next(iter(report.confirmed)),
                hovertemplate=f"trial {number} over {len(seeds)} seeds<br>"
                f"{plane.y} {y[0]:.4f} ± {y[1]:.4f}<br>{plane.x} {x[0]:.4f} ± {x[1]:.4f}",
                name=f"{prefix}confirmed: mean ± std",
            )  # fmt: skip


def _about(record: TrialRecord, report: RunReport) -> str:
    """A trial for a box that opens over its point."""
    metrics = [objective.metric for objective in report.goals.objectives]
    figures = ", ".join(f"{name} {figure(record.metrics.get(name))}" for name in metrics)
    values = for_plotly(values_text(record.values, short_names(record.values)))
    state = f"{STATE_WORDS[record.state]}, {record.epoch} epochs"
    return f"<b>trial {record.number}</b> ({state})<br>{figures}<br>{values.replace(' ', '<br>')}"


def _reason(record: TrialRecord) -> str:
    return f"<br>{for_plotly(record.reason)}" if record.reason else ""


def _ends(record: TrialRecord) -> tuple[float, float]:
    found = [record.metrics[name] for name in contributions([record])]
    return min(found), max(found)


def _symbol(record: TrialRecord) -> str:
    return "circle" if record.state == "COMPLETE" else "circle-open"


def _lanes(records: Iterable[TrialRecord]) -> dict[int, int]:
    """For each trial the lowest lane that is free when it starts."""
    free_at: list[float] = []
    lanes = {}
    for record in sorted(records, key=lambda r: r.started):
        lane = next((i for i, end in enumerate(free_at) if end <= record.started), len(free_at))
        free_at[lane : lane + 1] = [record.ended or math.inf]
        lanes[record.number] = lane
    return lanes


def _line(curve: Curve, metric: str, number: int) -> list[tuple[float | None, float | None, str]]:
    """A curve's points, and a gap after them."""
    points = [(e["epoch"], e[metric], str(number)) for e in curve if metric in e]
    return [*points, (None, None, "")]


def _after_the_first(found: Mapping[int, Curve], metric: str) -> tuple[float, float] | None:
    """Room for all epochs but each trial's first, from which far more changes than later on."""
    later = [e[metric] for curve in found.values() for e in curve if metric in e and e["epoch"] > 1]
    if not later:
        return None
    low, high = min(later), max(later)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()[:23].removesuffix("+00:00")
