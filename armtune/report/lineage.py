"""The table of whose weights the trials of a population went on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from armtune.report.tables import VALUES, Grid, short_names, values_text
from armtune.sweeps.study.lineage import Segment


def lineage_grid(lineages: Mapping[int, Sequence[Segment]]) -> Grid:
    """A row for each stretch behind a trial's model: from which epoch, by whom, with what."""
    stretches = [(n, segment) for n, segments in lineages.items() for segment in segments]
    short = short_names(path for _, segment in stretches for path in segment.values)
    rows = [
        (str(n), str(s.epoch), str(s.trial), values_text(s.values, short)) for n, s in stretches
    ]
    return Grid("Lineage", ("trial", "from epoch", "trained by trial", VALUES), tuple(rows))
