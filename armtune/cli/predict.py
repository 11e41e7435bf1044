"""``armtune predict``: what an exported model says of samples."""

from __future__ import annotations

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


def command(
    bundle: BundlePath,
    source: Samples,
    output: Output = None,
    keep: Keep = None,
    plugins: Plugins = None,
    as_json: JsonLines = False,
) -> None:
    """Predict each sample's class, labels or value; a missing modality is replaced by its mean.

    A sample lacks a modality where it is NaN throughout.

    Reads, predicts and writes piece by piece: the samples may be more than fit in memory.
    """
    from armtune.bundle import Predictor

    run_plugins(plugins)
    predictor = Predictor(bundle)
    with opened(output, source, bundle) as file:
        samples, kept = read_samples(predictor, source, keep)
        parts = begun(predictor.stream(samples))
        if as_json:
            records = (record for part in parts for record in part.records())
            write_json(enumerate(records), kept, file)
        else:
            rows = (row for part in parts for row in part.rows())
            write_table(predictor.target.columns, enumerate(rows), kept, file)
