"""Differences between methods, paired by seed, with confidence intervals and corrected tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """A method's metric minus the reference's, over the seeds that both were trained with.

    Attributes:
        pairs: number of these seeds.
        mean: mean difference.
        low: lower end of the 95 % confidence interval of the mean; NaN with one pair.
        high: its upper end; NaN with one pair.
        p: two-sided p-value of the paired t-test; NaN with one pair.
        corrected: ``p`` by Holm's method, over all methods compared on the metric.
    """

    pairs: int
    mean: float
    low: float
    high: float
    p: float
    corrected: float

    @property
    def significant(self) -> bool:
        """Whether the corrected test finds a difference at 5 %."""
        return self.corrected < 1 - CONFIDENCE


def differences(
    methods: Mapping[str, Mapping[int, float]], reference: Mapping[int, float]
) -> dict[str, Difference]:
    """Each method against the reference, on one metric.

    Args:
        methods: each method's values by seed.
        reference: the reference's values by seed.

    Returns:
        the differences of the methods that share a seed with the reference.
    """
    pairs = {
        method: [values[seed] - reference[seed] for seed in values if seed in reference]
        for method, values in methods.items()
    }
    found = {method: _t_test(gaps) for method, gaps in pairs.items() if gaps}
    corrected = holm([p for *_, p in found.values()])
    return {
        method: Difference(len(pairs[method]), *figures, q)
        for (method, figures), q in zip(found.items(), corrected, strict=True)
    }


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down method; NaN counts for nothing."""
    order = sorted((p, i) for i, p in enumerate(values) if not math.isnan(p))
    corrected, highest = [math.nan] * len(values), 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p))
        corrected[i] = highest
    return corrected


def _t_test(gaps: Sequence[float]) -> tuple[float, float, float, float]:
    """Mean, ends of its confidence interval, and p-value of a t-test against 0."""
    mean, freedom = fmean(gaps), len(gaps) - 1
    if not freedom:
        return mean, math.nan, math.nan, math.nan
    error = stdev(gaps) / math.sqrt(len(gaps))
    half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
    # Alike in every pair, as two methods that do nothing are: there is no error to divide by.
    size = abs(mean) / error if error else math.inf if mean else 0.0
    return mean, mean - half, mean + half, 2 * float(stats.t.sf(size, freedom))
