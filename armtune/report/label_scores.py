"""How often each label is said rightly, and found, as a figure."""

from __future__ import annotations

from collections.abc import Sequence

from plotly import graph_objects as go

from armtune.report.figures import PALETTE
from armtune.report.judged import scores
from armtune.text.escapes import for_plotly

MOST = 60
"""Labels up to which there is a bar for each; the table has all."""


def label_scores(names: Sequence[str], counts: Sequence[Sequence[float]]) -> go.Figure:
    """Precision and recall of each label, the most frequent above.

    Args:
        counts: of each label how often it is said rightly, said, and there.
    """
    # Bars are drawn from below.
    order = sorted(range(len(names)), key=lambda k: (counts[k][2], -k))
    told = [scores(counts[k]) for k in order]
    labels = [for_plotly(names[k]) for k in order]
    texts = [f"{counts[k][2]:.0f} samples" for k in order]
    drawing = go.Figure()
    for at, (name, colour) in enumerate(zip(("precision", "recall"), PALETTE, strict=False)):
        drawing.add_bar(
            x=[own[at] for own in told], y=labels, text=texts, textposition="none",
            orientation="h", name=name, marker={"color": colour},
            hovertemplate="%{y}, of %{text}: %{x:.1%}",
        )  # fmt: skip
    drawing.update_xaxes(range=(0, 1.02), tickformat=".0%")
    drawing.update_yaxes(type="category")
    drawing.update_layout(barmode="group", height=140 + 34 * max(len(names), 4))
    return drawing
