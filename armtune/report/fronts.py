"""The fronts of several methods between score and contribution gap, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from armtune.comparison.run import GAP, Comparison, Outcome
from armtune.recipe.objectives import Choice, Goals, Objective
from armtune.sweeps import front_of

_MARKERS = "osD^vP"


def fronts_picture(comparison: Comparison) -> Figure:
    """Each method's trials that no other of its trials beats in both, and its re-trained setting.

    All on validation, whatever the sweep's own objectives are.
    """
    score = comparison.score
    drawing = Figure(figsize=(9.0, 5.5), dpi=110, layout="constrained")
    axes = drawing.add_subplot()
    colours = colormaps["tab20"].colors  # type: ignore[attr-defined]
    shown = [outcome for outcome in comparison.outcomes if outcome.records]
    for k, outcome in enumerate(shown):
        # Dark tones first: those of one hue stand side by side in the palette.
        colour = colours[(2 * k) % 20 + (k // 10) % 2]
        _front(axes, outcome, score, colour, _MARKERS[k % len(_MARKERS)])
        _retrained(axes, outcome, score, colour)
    axes.set_xlabel("contribution gap on validation (better: left)")
    axes.set_ylabel(f"{score.replace('_', ' ')} on validation (better: up)")
    axes.set_title("line: front of the trials; cross: re-trained setting, mean ± std", fontsize=9)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if shown:
        drawing.legend(loc="outside right upper", fontsize=8)
    return drawing


def _front(
    axes: Axes, outcome: Outcome, score: str, colour: tuple[float, ...], marker: str
) -> None:
    both = (Objective(score, "maximize"), Objective(GAP, "minimize"))
    measured = [r for r in outcome.records if all(o.metric in r.metrics for o in both)]
    numbers = front_of(measured, Goals(both, (), Choice(None, (), both)))
    found = (record.metrics for record in measured if record.number in numbers)
    points = sorted((metrics[GAP], metrics[score]) for metrics in found)
    if points:
        axes.plot(
            *zip(*points, strict=True), color=colour, marker=marker, ms=4, lw=1.2,
            drawstyle="steps-post", label=outcome.method,
        )  # fmt: skip


def _retrained(axes: Axes, outcome: Outcome, score: str, colour: tuple[float, ...]) -> None:
    x, y = (list(outcome.values("validation", metric).values()) for metric in (GAP, score))
    if x and y:
        axes.errorbar(
            fmean(x), fmean(y), xerr=_std(x), yerr=_std(y), fmt="X", color=colour, ms=9, capsize=3,
            lw=1.1, markeredgecolor="black", zorder=5,
        )  # fmt: skip


def _std(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0
