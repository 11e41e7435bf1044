"""A run's trials as an Optuna study in memory, over one metric: Optuna's plots and importances.

The run's own study may have several objectives, values of conditional ranges in some trials only,
and metrics that are no objective; here each metric gets a study of its own, made from the records.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from armtune.recipe.objectives import Objective
from armtune.recipe.space import Dimension, Space
from armtune.report.tables import short_names
from armtune.sweeps.study.records import TrialRecord
from armtune.text.escapes import for_plotly

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FEWEST = 8
"""Complete trials below which importances would be noise."""
TREES = 32
MOST_TICKS = 3
"""On an axis beside several others."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


def study_of(records: Iterable[TrialRecord], space: Space, objective: Objective) -> optuna.Study:
    """A study whose trials have a metric as their only value, under the paths' short names."""
    study = optuna.create_study(direction=StudyDirection[objective.direction.upper()])
    short = short_names(dimension.path for dimension in space.dimensions)
    ranges = {d.path: _distribution(d) for d in space.dimensions}
    for record in records:
        trial = _trial(record, objective.metric, ranges, short)
        if trial is not None:
            study.add_trial(trial)
    return study


def importances(
    records: Sequence[TrialRecord], space: Space, objective: Objective
) -> dict[str, float]:
    """Each hyperparameter's share of the metric's variance (fANOVA, Hutter et al., ICML 2014).

    Those that not all trials have are judged by the trials that have them. Empty where too few
    trials were trained to their full length, or the metric never varies.

    Returns:
        short name → share, 0 … 1, the largest first.
    """
    study = study_of(records, space, objective)
    done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    if len(done) < FEWEST or len({trial.value for trial in done}) < 2:
        return {}
    everywhere = [name for name in done[0].params if all(name in t.params for t in done)]
    found = _shares(done, everywhere, study)
    for name in dict.fromkeys(name for trial in done for name in trial.params):
        having = [trial for trial in done if name in trial.params]
        if name not in everywhere and len(having) >= FEWEST:
            found[name] = _shares(having, [*everywhere, name], study).get(name, 0.0)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def optuna_plots(
    records: Iterable[TrialRecord], space: Space, objective: Objective
) -> dict[str, Figure]:
    """Optuna's own plots of a metric, by title; empty before a trial was trained to its end."""
    from optuna import visualization

    study, name = study_of(records, space, objective), objective.metric
    if not study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
        return {}
    plots = {f"History of {name}": visualization.plot_optimization_history(study, target_name=name)}
    if space.dimensions:
        coordinates = visualization.plot_parallel_coordinate(study, target_name=name)
        plots[f"Values and {name}"] = coordinates
        plots[f"Each value against {name}"] = visualization.plot_slice(study, target_name=name)
        _few_ticks(plots[f"Each value against {name}"])
    return plots


def _few_ticks(drawing: Figure) -> None:
    """Labels the logarithmic axes, which are narrow, at a few places that read well."""
    for trace in drawing.data:
        axis = drawing.layout["xaxis" + (trace.xaxis or "x").removeprefix("x")]
        if axis.type == "log":
            places = _places(min(trace.x), max(trace.x))
            words = [f"{place:g}".replace("e-0", "e-") for place in places]
            axis.update(tickvals=places, ticktext=words, tickangle=0)


def _places(low: float, high: float) -> list[float]:
    """At most three round numbers from low to high."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for digits in ((1,), (1, 3), (1, 2, 5), range(1, 10)):
        found = [x for d in decades for k in digits if low <= (x := float(f"{k}e{d}")) <= high]
        if len(found) > 1:
            break
    return found[:: -(-len(found) // MOST_TICKS) or 1]


def _shares(
    trials: Sequence[FrozenTrial], names: list[str], study: optuna.Study
) -> dict[str, float]:
    varying = [n for n in names if len({str(trial.params[n]) for trial in trials}) > 1]
    if not varying or len({trial.value for trial in trials}) < 2:
        return {}
    part = optuna.create_study(direction=study.direction)
    part.add_trials(trials)
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found = optuna.importance.get_param_importances(part, evaluator=evaluator, params=varying)
    return {name: float(share) for name, share in found.items()}


def _trial(
    record: TrialRecord, metric: str, ranges: dict[str, BaseDistribution], short: dict[str, str]
) -> FrozenTrial | None:
    """A record as Optuna holds it; None where it lacks the metric, or a value left its range."""
    value = record.metrics.get(metric, math.nan)
    complete = record.state == "COMPLETE"
    paths = [path for path in record.values if path in ranges]
    values = {path: _plain(record.values[path], ranges[path]) for path in paths}
    if (complete and not math.isfinite(value)) or not all(
        ranges[path]._contains(ranges[path].to_internal_repr(values[path])) for path in paths
    ):
        return None
    return optuna.trial.FrozenTrial(
        number=record.number,
        trial_id=record.number,
        state=TrialState[record.state],
        value=value if complete else None,
        values=None,
        datetime_start=datetime.fromtimestamp(record.started),
        datetime_complete=datetime.fromtimestamp(record.ended) if record.ended else None,
        params={short[path]: value for path, value in values.items()},
        distributions={short[path]: ranges[path] for path in paths},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def _distribution(dimension: Dimension) -> BaseDistribution:
    d = dimension
    if d.kind == "float":
        return FloatDistribution(d.low, d.high, log=d.log, step=d.step)
    if d.kind == "int":
        return IntDistribution(int(d.low), int(d.high), log=d.log, step=int(d.step or 1))
    return CategoricalDistribution([choice_text(choice) for choice in d.choices])


def _plain(value: Any, distribution: BaseDistribution) -> Any:
    return choice_text(value) if isinstance(distribution, CategoricalDistribution) else value


def choice_text(choice: Any) -> str:
    """A choice as Optuna's plots have it."""
    # Optuna takes 1 and true for the same, and knows no lists.
    return for_plotly(choice if isinstance(choice, str) else json.dumps(choice))
