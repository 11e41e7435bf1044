"""A comparison as tables, sentences, and figures that JSON and CSV can hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

from armtune.comparison import mean_of_alone
from armtune.comparison.pairs import Difference
from armtune.comparison.run import GAP, UNFINISHED, WORST_MISSING, Comparison, Outcome
from armtune.references import Reference
from armtune.report.references import references_dict
from armtune.report.tables import Grid, jsonable, short_names, values_text

SPLITS = ("test", "validation")


def result_grid(comparison: Comparison, split: str) -> Grid:
    """Each method's mean ± standard deviation over the seeds on a split, a row each.

    Then the best reference, the best of one modality, and the best mean of models of one modality
    each, all chosen on validation.
    """
    metrics = comparison.metrics
    rows: list[tuple[str, ...]] = [
        (
            outcome.method,
            _seeds(outcome),
            *(_spread_text(outcome, split, metric) for metric in metrics),
            f"{outcome.cost.epoch_ratio:.2f}" if outcome.cost else "–",
            f"{outcome.cost.run_ratio:.2f}" if outcome.cost else "–",
        )
        for outcome in comparison.outcomes
    ]
    rows += _reference_rows(comparison, split)
    title = (
        f"{split.capitalize()}, in per cent: mean ± standard deviation over the {comparison.over}"
    )
    columns = ("method", comparison.over, *map(heading, metrics), "epoch ×", "training ×")
    return Grid(title, columns, tuple(rows))


def _reference_rows(comparison: Comparison, split: str) -> Iterator[tuple[str, ...]]:
    known = comparison.references
    shown = [known.best, known.best_single, known.best_mean] if known else []
    for each in {each.name: each for each in shown if each is not None}.values():
        texts = (_reference_text(each, split, m, comparison.score) for m in comparison.metrics)
        yield (each.name, "–", *texts, "–", "–")


def _reference_text(each: Reference, split: str, metric: str, score: str) -> str:
    value = None
    if metric == score:
        value = each.test if split == "test" else each.validation
    elif metric == WORST_MISSING and split == "test":
        value = min(each.missing.values(), default=None)
    return "–" if value is None else f"{100 * value:.2f}"


def difference_grid(comparison: Comparison, metric: str, split: str = "test") -> Grid:
    """Each method's difference to the reference on one metric, a row each."""
    rows = [
        (
            method,
            str(d.pairs),
            f"{100 * d.mean:+.2f}",
            "–" if math.isnan(d.low) else f"{100 * d.low:+.2f} … {100 * d.high:+.2f}",
            _p(d.p),
            f"{_p(d.corrected)}{' *' if d.significant else ''}",
        )
        for method, d in comparison.differences(metric, split).items()
    ]
    title = f"{heading(metric).capitalize()} on {split}: points above {comparison.reference}"
    columns = ("method", comparison.over, "difference", "95 % interval", "p", "p by Holm")
    return Grid(title, columns, tuple(rows))


def budget_grid(comparison: Comparison) -> Grid:
    """What each method's sweep was given, and what became of it."""
    rows = []
    for outcome in (o for o in comparison.outcomes if o.method != mean_of_alone.NAME):
        states = Counter(record.state for record in outcome.records)
        counts = (states[state] for state in ("COMPLETE", "PRUNED", "FAIL"))
        epochs = sum(record.epoch for record in outcome.records)
        rows.append((outcome.method, str(len(outcome.records)), *map(str, counts), str(epochs)))
    trials = comparison.recipe.sweep.trials
    title = f"Budget: {trials} trial{'s' * (trials != 1)} a method"
    columns = ("method", "trials", "complete", "pruned", "failed", "epochs")
    return Grid(title, columns, tuple(rows))


def settings_grid(comparison: Comparison) -> Grid:
    """The setting of each method that was re-trained."""
    settings = [(o, _values(o)) for o in comparison.outcomes if o.chosen is not None]
    short = short_names(path for _, values in settings for path in values)
    rows = [(o.method, str(o.chosen), values_text(values, short)) for o, values in settings]
    return Grid("Settings", ("method", "trial", "values"), tuple(rows))


def grids(comparison: Comparison) -> list[Grid]:
    """All tables that have rows."""
    found = [
        *(result_grid(comparison, split) for split in SPLITS),
        *(difference_grid(comparison, metric) for metric in comparison.metrics),
        budget_grid(comparison),
        settings_grid(comparison),
    ]
    return [grid for grid in found if grid.rows]


def notes(comparison: Comparison) -> list[str]:
    """What failed and what else should be known, a sentence each."""
    lines = []
    for outcome in comparison.outcomes:
        lines += (
            [f"{outcome.method} {_state(outcome)}: {outcome.failure}"] if outcome.failure else []
        )
        lines += [f"{outcome.method}: {note}" for note in outcome.notes]
        if outcome.method == comparison.reference and outcome.failure:
            said = f"{comparison.reference} {_state(outcome)}"
            lines.append(f"there are no differences, since {said}")
    return [*lines, *_lost(comparison)]


def _lost(comparison: Comparison) -> Iterator[str]:
    """A warning for each simpler model that no method is above on test."""
    simpler = comparison.simpler
    methods = [o for o in comparison.outcomes if o not in simpler]
    scores = [score for o in methods if (score := _score(comparison, o, "test")) is not None]
    for name, score in _to_beat(comparison):
        if scores and max(scores) <= score:
            yield (
                f"no method is above {name}: it has {100 * score:.2f} on test, "
                f"the best method {100 * max(scores):.2f}"
            )


def _to_beat(comparison: Comparison) -> Iterator[tuple[str, float]]:
    """The simpler models by their scores on test.

    They are the best reference and the best modality alone, both chosen on validation, and the mean
    of the modalities.
    """
    best = comparison.references.best if comparison.references else None
    if best is not None and best.test is not None:
        yield best.name, best.test
    mean = [o for o in comparison.simpler if o.method == mean_of_alone.NAME]
    known = {
        o.method: score
        for o in comparison.simpler
        if o not in mean and (score := _score(comparison, o, "validation")) is not None
    }
    strongest = max(known, key=known.__getitem__, default="")
    for outcome in (o for o in comparison.simpler if o.method == strongest or o in mean):
        score = _score(comparison, outcome, "test")
        if score is not None:
            yield outcome.method, score


def _score(comparison: Comparison, outcome: Outcome, split: str) -> float | None:
    """Its mean score on a split; None where it has none."""
    values = outcome.values(split, comparison.score).values()
    return fmean(values) if values else None


def rows_of(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """A row for each method, split and metric; shares and seconds, NaN where there is none."""
    for split in SPLITS:
        for metric in comparison.recorded:
            found = comparison.differences(metric, split)
            for outcome in comparison.outcomes:
                mean, std = _spread(list(outcome.values(split, metric).values()))
                yield {
                    "method": outcome.method,
                    "split": split,
                    "metric": metric,
                    "seeds": len(outcome.sound),
                    "mean": mean,
                    "std": std,
                    **_difference_dict(found.get(outcome.method, _NO_DIFFERENCE)),
                }


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison as JSON can hold it."""
    return {
        "name": comparison.recipe.name,
        "data": comparison.data,
        "command": comparison.command,
        "reference": comparison.reference,
        "over": comparison.over,
        "trials": comparison.recipe.sweep.trials,
        "notes": notes(comparison),
        "references": references_dict(comparison.references) if comparison.references else None,
        "methods": {o.method: _outcome_dict(o) for o in comparison.outcomes},
        "results": [
            {k: jsonable(v) if isinstance(v, float) else v for k, v in row.items()}
            for row in rows_of(comparison)
        ],
    }


def heading(metric: str) -> str:
    """A metric as the heading of a column."""
    kind, _, modality = metric.partition("/")
    plain = {GAP: "gap", WORST_MISSING: "one missing"}
    return f"unimodal {modality}" if modality else plain.get(kind, kind.replace("_", " "))


def _outcome_dict(outcome: Outcome) -> dict[str, Any]:
    cost = outcome.cost
    return {
        "failure": outcome.failure,
        "notes": list(outcome.notes),
        "trials": len(outcome.records),
        "epochs": sum(record.epoch for record in outcome.records),
        "chosen": outcome.chosen,
        "values": _values(outcome),
        "epoch_ratio": cost and cost.epoch_ratio,
        "training_ratio": cost and cost.run_ratio,
        "epoch_seconds": cost and cost.epoch,
        "training_seconds": cost and cost.run,
        "seeds": {
            str(s.seed): {"validation": _finite(s.validation), "test": _finite(s.test)}
            for s in outcome.sound
        },
    }


_NO_DIFFERENCE = Difference(0, *[math.nan] * 5)


def _difference_dict(difference: Difference) -> dict[str, float]:
    return {
        "difference": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
        "p_holm": difference.corrected,
    }


def _finite(metrics: dict[str, float]) -> dict[str, float | None]:
    return {name: jsonable(value) for name, value in metrics.items()}


def _values(outcome: Outcome) -> dict[str, Any]:
    found = (record.values for record in outcome.records if record.number == outcome.chosen)
    return next(found, {})


def _state(outcome: Outcome) -> str:
    """A word for an outcome that has nothing to compare."""
    return "is unfinished" if outcome.failure == UNFINISHED else "failed"


def _seeds(outcome: Outcome) -> str:
    if outcome.failure:
        return _state(outcome).removeprefix("is ")
    sound, all_seeds = len(outcome.sound), len(outcome.seeds)
    return str(sound) if sound == all_seeds else f"{sound} of {all_seeds}"


def _spread_text(outcome: Outcome, split: str, metric: str) -> str:
    values = list(outcome.values(split, metric).values())
    mean, std = _spread(values)
    if math.isnan(mean):
        return "–"
    # A single value has no spread, which isn't one of 0.
    return f"{100 * mean:.2f} ± {100 * std:.2f}" if len(values) > 1 else f"{100 * mean:.2f}"


def _spread(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; NaN without values, no deviation with one."""
    if not values:
        return math.nan, math.nan
    return fmean(values), stdev(values) if len(values) > 1 else 0.0


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
