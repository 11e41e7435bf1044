"""How far off predicted values are, as figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from plotly import graph_objects as go

from armtune.report.figures import PALETTE
from armtune.text.escapes import for_plotly

if TYPE_CHECKING:
    from numpy.typing import NDArray

Points = Sequence[Sequence[Sequence[float]]]
"""Of each value the true and the predicted ones, as ``export.outcomes`` has them."""

STANDARDISED = ", in standard deviations of the true values"


def predicted(names: Sequence[str], points: Points) -> go.Figure:
    """Predicted against true values; several are standardised, for their units may differ."""
    drawing, pairs = go.Figure(), list(_comparable(points))
    low, high = (f([f(pair) for pair in pairs]) for f in (np.min, np.max))
    line = {"color": "#999999", "dash": "dot", "width": 1}
    ends = [float(low), float(high)]
    drawing.add_scatter(x=ends, y=ends, mode="lines", line=line, name="exactly right")
    shown = map(for_plotly, names)
    for name, (true, said), colour in zip(shown, pairs, cycle(PALETTE), strict=False):
        drawing.add_scatter(
            x=true.tolist(), y=said.tolist(), mode="markers", name=name,
            marker={"color": colour, "size": 5, "opacity": 0.6},
            hovertemplate="true %{x:.4g}, predicted %{y:.4g}",
        )  # fmt: skip
    unit = STANDARDISED if len(names) > 1 else ""
    drawing.update_xaxes(title=f"true{unit}")
    drawing.update_yaxes(title=f"predicted{unit}")
    return drawing


def residuals(names: Sequence[str], points: Points) -> go.Figure:
    """How often values are off by how much."""
    drawing = go.Figure()
    pairs = zip(map(for_plotly, names), _comparable(points), cycle(PALETTE), strict=False)
    for name, (true, said), colour in pairs:
        drawing.add_histogram(
            x=(said - true).tolist(), name=name, nbinsx=40, opacity=0.6, marker={"color": colour}
        )
    drawing.add_vline(x=0, line={"color": "#999999", "dash": "dot", "width": 1})
    unit = STANDARDISED if len(names) > 1 else ""
    drawing.update_xaxes(title=f"predicted less true{unit}")
    drawing.update_yaxes(title="samples")
    drawing.update_layout(barmode="overlay")
    return drawing


def _comparable(points: Points) -> Iterator[NDArray[Any]]:
    """True and predicted values ``(2, sample)``: a lone one as it is, several standardised."""
    for pair in np.asarray(points, np.float64):
        mean, std = (pair[0].mean(), pair[0].std() or 1.0) if len(points) > 1 else (0.0, 1.0)
        yield (pair - mean) / std
