"""Pictures of what matters in a sweep: hyperparameters, and the course of the contributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from armtune.report.curves import Curve
from armtune.report.plots import empty, explain

COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860")


def importance_picture(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """How much each hyperparameter matters to each metric.

    Args:
        shares: metric → hyperparameter → share of the metric's variance; empty while unknown.
    """
    names = list(dict.fromkeys(name for found in shares.values() for name in found))[::-1]
    drawing, axes = empty(1.5 + 0.3 * max(len(names), 2))
    height = 0.8 / max(len(shares), 1)
    for k, ((metric, found), colour) in enumerate(zip(shares.items(), COLOURS, strict=False)):
        rows = np.arange(len(names)) - 0.4 + (k + 0.5) * height
        axes.barh(rows, [found.get(n, 0.0) for n in names], height, color=colour, label=metric)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("share of the variance (fANOVA)")
    explain(axes, bool(names), "too few complete trials, or nothing varies")
    return drawing


def contributions_picture(
    found: Mapping[int, Curve],
    modalities: Sequence[str],
    chosen: int | None = None,
    score: str = "accuracy",
) -> Figure:
    """Each modality's contribution by epoch: every trial thin, their median and the chosen thick.

    Args:
        found: each trial's curve, by number.
        chosen: number of the trial to draw dashed.
        score: the metric that contributions add up to.
    """
    drawing, axes = empty(3.6)
    for modality, colour in zip(modalities, COLOURS, strict=False):
        lines = {number: _line(curve, modality) for number, curve in found.items()}
        # One line with gaps: hundreds of lines take a second to draw.
        joined = [point for line in lines.values() for point in (*line.items(), (np.nan, np.nan))]
        axes.plot(*np.array(joined).reshape(-1, 2).T, color=colour, alpha=0.25, lw=0.7)
        median = _median(lines.values())
        axes.plot(*median, color=colour, lw=2.4, label=f"{modality}: median")
        if chosen in lines:
            line = lines[chosen]
            label = f"{modality}: trial {chosen}, chosen"
            axes.plot([*line], [*line.values()], "--", color=colour, lw=1.6, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"contribution to the {score.replace('_', ' ')}")
    explain(axes, bool(found), "no epoch has ended yet")
    return drawing


def _line(curve: Curve, modality: str) -> dict[float, float]:
    name = f"contribution/{modality}"
    return {epoch["epoch"]: epoch[name] for epoch in curve if name in epoch}


def _median(lines: Iterable[dict[float, float]]) -> tuple[list[float], list[float]]:
    table: dict[float, list[float]] = {}
    for line in lines:
        for epoch, value in line.items():
            table.setdefault(epoch, []).append(value)
    epochs = sorted(table)
    return epochs, [float(np.median(table[epoch])) for epoch in epochs]
