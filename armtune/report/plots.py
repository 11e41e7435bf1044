"""Pictures of a sweep, drawn without a display."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from armtune.recipe.objectives import Goals, Objective
from armtune.report.tables import STATE_WORDS, Confirmed, spread
from armtune.sweeps.study.records import TrialRecord

LABELLED = 12
"""With more points than this on the front their numbers would hide each other."""
VIEWED = 3
"""With so many complete trials the picture keeps to them; others may lie outside."""

_CHOSEN: dict[str, Any] = {
    "s": 260,
    "marker": "*",
    "c": "#d62728",
    "edgecolors": "black",
    "zorder": 6,
}
_STATES: dict[str, dict[str, Any]] = {
    "PRUNED": {"c": "#b0b0b0", "alpha": 0.45, "s": 22},
    "RUNNING": {"c": "#17becf", "alpha": 0.45, "s": 22},
    "COMPLETE": {"c": "#4c72b0", "alpha": 0.85, "s": 34},
}

Points = Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class Plane:
    """The two metrics that the front is drawn over.

    Attributes:
        x: metric on the horizontal axis.
        y: metric on the vertical axis.
        x_direction: ``maximize`` or ``minimize``; empty when x is no objective.
        y_direction: the same for y.
    """

    x: str
    y: str
    x_direction: str
    y_direction: str

    @classmethod
    def of(cls, goals: Goals) -> Plane:
        """First objective upwards, second (or the contribution gap) to the right."""
        first, *others = goals.objectives
        if others:
            return cls(others[0].metric, first.metric, others[0].direction, first.direction)
        other = goals.score if first.metric == "contribution_gap" else "contribution_gap"
        return cls(other, first.metric, "", first.direction)

    @property
    def objectives(self) -> list[Objective]:
        """Both metrics with a direction each, the vertical axis first."""
        other = "minimize" if self.x == "contribution_gap" else "maximize"
        return [Objective(self.y, self.y_direction), Objective(self.x, self.x_direction or other)]

    def point(self, record: TrialRecord) -> tuple[float, float] | None:
        """Where a trial lies; None when it lacks a metric."""
        point = (record.metrics.get(self.x, math.nan), record.metrics.get(self.y, math.nan))
        return point if all(map(math.isfinite, point)) else None


def front_picture(
    records: Sequence[TrialRecord],
    front: Sequence[int],
    goals: Goals,
    chosen: int | None = None,
    confirmed: Confirmed | None = None,
) -> Figure:
    """All trials over the first two objectives, the front with its trial numbers, the chosen one.

    Args:
        chosen: number of the trial that the recipe's rule chooses.
        confirmed: re-trainings, drawn as their mean with a bar of one standard deviation.
    """
    plane = Plane.of(goals)
    drawing, axes = empty(3.6)
    points = {r.number: p for r in records if r.state != "FAIL" and (p := plane.point(r))}
    axes.margins(0.15)
    complete = _trials(axes, records, points, "COMPLETE")
    _front(axes, [n for n in front if n in points], points, plane)
    _confirmed(axes, confirmed or {}, points, plane)
    if chosen in points:
        axes.scatter(*points[chosen], **_CHOSEN, label=f"chosen: trial {chosen}")
    view = axes.axis()
    for state in ("PRUNED", "RUNNING"):
        _trials(axes, records, points, state)
    if complete >= VIEWED:
        axes.axis(view)
    _frame(axes, plane, bool(points))
    return drawing


def empty(height: float) -> tuple[Figure, Axes]:
    """A drawing of some inches with letters that can be read where TensorBoard shows it small."""
    drawing = Figure(figsize=(3.6, height), dpi=220, layout="constrained")
    axes = drawing.add_subplot()
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return drawing, axes


def explain(axes: Axes, anything: bool, otherwise: str) -> None:
    """A legend below, or words in the place of what isn't there."""
    if anything:
        columns = {"ncols": 2, "fontsize": 8, "frameon": False, "columnspacing": 1.0}
        axes.figure.legend(loc="outside lower center", **columns)
    else:
        axes.text(0.5, 0.5, otherwise, ha="center", transform=axes.transAxes, fontsize=8)


def png(drawing: Figure) -> tuple[bytes, int, int]:
    """The drawing as PNG bytes, with its width and height in pixels."""
    file = io.BytesIO()
    drawing.savefig(file, format="png")
    width, height = drawing.get_size_inches() * drawing.dpi
    return file.getvalue(), round(width), round(height)


def _trials(axes: Axes, records: Sequence[TrialRecord], points: Points, state: str) -> int:
    found = [points[r.number] for r in records if r.state == state and r.number in points]
    if found:
        label = f"{STATE_WORDS[state]} ({len(found)})"
        axes.scatter(*zip(*found, strict=True), **_STATES[state], label=label)
    return len(found)


def _front(axes: Axes, front: Sequence[int], points: Points, plane: Plane) -> None:
    if not front:
        return
    xs, ys = zip(*sorted(points[number] for number in front), strict=True)
    # Between two points of the front the better y of the two belongs to the worse x.
    step = "steps-post" if plane.x_direction == "minimize" else "steps-pre"
    style = step if plane.x_direction else "default"
    line = "-" if plane.x_direction else ""
    axes.plot(
        xs, ys, line, marker="o", drawstyle=style, color="#dd8452", ms=8, lw=1.4, zorder=4,
        label=f"front ({len(front)})",
    )  # fmt: skip
    for number in front if len(front) <= LABELLED else ():
        axes.annotate(
            str(number), points[number], xytext=(7, 7), textcoords="offset points", fontsize=8
        )


def _confirmed(axes: Axes, confirmed: Confirmed, points: Points, plane: Plane) -> None:
    label = "confirmed: mean ± std"
    for number, seeds in confirmed.items():
        x, y = spread(seeds, plane.x), spread(seeds, plane.y)
        if not (x and y and number in points):
            continue
        was = points[number]
        axes.plot([was[0], x[0]], [was[1], y[0]], ":", color="black", lw=0.8, zorder=3)
        axes.errorbar(
            x[0], y[0], xerr=x[1], yerr=y[1], fmt="D", color="black", ms=5, capsize=3, lw=1.1,
            zorder=5, label=label,
        )  # fmt: skip
        label = "_"  # one entry in the legend


def _frame(axes: Axes, plane: Plane, any_points: bool) -> None:
    axes.set_xlabel(axis_label(plane.x, plane.x_direction, "right", "left"))
    axes.set_ylabel(axis_label(plane.y, plane.y_direction, "up", "down"))
    explain(axes, any_points, "no trial has both metrics yet")


def axis_label(metric: str, direction: str, more: str, less: str) -> str:
    """A metric, and the way in which it gets better; an empty direction says nothing of that."""
    name = metric.replace("_", " ")
    better = {"maximize": more, "minimize": less}.get(direction)
    return f"{name} (better: {better})" if better else name
