"""``armtune explain``: what each modality has to do with what a model says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from armtune.cli._arguments import Plugins, run_plugins
from armtune.cli._rows import (
    BundlePath,
    JsonLines,
    Keep,
    Output,
    Samples,
    begun,
    opened,
    read_samples,
    write_json,
    write_table,
)

if TYPE_CHECKING:
    from armtune.bundle.explain import Explanation


def command(
    bundle: BundlePath,
    source: Samples,
    output: Output = None,
    keep: Keep = None,
    plugins: Plugins = None,
    as_json: JsonLines = False,
) -> None:
    """Give each modality's Shapley share of each sample's decision.

    Of classes that of the decided class's probability, else of every label's or value: what the
    model says with all that the sample has is what it says with nothing, plus the shares. Exact:
    the model is run on every subset of the modalities.
    """
    from armtune.bundle import Predictor
    from armtune.bundle.explain import columns_of

    run_plugins(plugins)
    predictor = Predictor(bundle)
    with opened(output, source, bundle) as file:
        samples, kept = read_samples(predictor, source, keep)
        parts = _counted(begun(predictor.explain(samples)))
        if as_json:
            records = ((first + k, r) for first, part in parts for k, r in part.records())
            write_json(records, kept, file)
        else:
            rows = ((first + k, row) for first, part in parts for k, row in part.rows())
            write_table(columns_of(predictor.shapes), rows, kept, file)


def _counted(parts: Iterator[Explanation]) -> Iterator[tuple[int, Explanation]]:
    """Each piece with the number of its first sample."""
    first = 0
    for part in parts:
        yield first, part
        first += len(part.told)
