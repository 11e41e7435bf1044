"""TensorBoard's HParams page: one experiment for the sweep, one session (a row) for each trial.

TensorBoard keeps the first session start and the first session end that it reads for a run, so
both may be written again, and nothing of a session can change once written. What changes while a
trial runs is therefore a metric: its state (as a number) and the epochs it has done.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
from tensorboard.plugins.hparams.summary_v2 import (
    Discrete,
    Domain,
    HParam,
    Metric,
    RealInterval,
    hparams_config_pb,
    hparams_pb,
)

from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Dimension, Space
from armtune.report.tables import STATE_WORDS, short_names
from armtune.sweeps.study.records import TrialRecord

SESSION_END = metadata.SESSION_END_INFO_TAG
STATE_TAG = "trial/state"
EPOCHS_TAG = "trial/epochs"
STATES = {"RUNNING": 0.0, "COMPLETE": 1.0, "PRUNED": 2.0, "FAIL": 3.0}


class HParams:
    """Writes the page of one sweep.

    Attributes:
        metrics: the metrics that a row shows.
    """

    def __init__(self, recipe: Recipe, space: Space, goals: Goals) -> None:
        self._domains = {dimension.path: _domain(dimension) for dimension in space.dimensions}
        objectives = [objective.metric for objective in goals.objectives]
        contributions = [f"contribution/{modality}" for modality in recipe.modalities]
        self._foremost = [*objectives, goals.score, "contribution_gap", *contributions]
        constrained = [constraint.metric for constraint in goals.constraints]
        self.metrics = list(
            dict.fromkeys([*self._foremost, *constrained, f"weakest_{goals.score}"])
        )

    def experiment(self) -> Summary:
        """All hyperparameters with their domains, and all metric columns."""
        # The page shows only the first few columns unasked: the state has to be among them.
        titles = {
            **{_best_tag(metric): metric for metric in self._foremost},
            STATE_TAG: "state",
            EPOCHS_TAG: "epochs",
            **{_best_tag(metric): metric for metric in self.metrics},
        }
        names = short_names(self._domains)
        hparams = [
            HParam(path, domain, display_name=names[path], description=path)
            for path, domain in self._domains.items()
        ]
        states = ", ".join(f"{number:.0f} {STATE_WORDS[state]}" for state, number in STATES.items())
        about = {STATE_TAG: states}
        metrics = [
            Metric(tag, display_name=title, description=about.get(tag))
            for tag, title in titles.items()
        ]
        return hparams_config_pb(hparams, metrics)

    def session_start(self, record: TrialRecord) -> Summary:
        """A row's hyperparameters; those that don't apply to the trial are left out."""
        values = {
            path: _typed(value, self._domains[path].dtype)
            for path, value in record.values.items()
            if path in self._domains  # a schedule is no number
        }
        # With an empty group name the run's own name is the row's: unique over several sweeps.
        return hparams_pb(values, trial_id="", start_time_secs=record.started)

    def session_end(self, record: TrialRecord) -> Summary:
        """The row's status: TensorBoard knows no pruned, which is a success that ended early."""
        status = api_pb2.STATUS_FAILURE if record.state == "FAIL" else api_pb2.STATUS_SUCCESS
        end = SessionEndInfo(status=status, end_time_secs=record.ended)
        about = metadata.create_summary_metadata(HParamsPluginData(session_end_info=end))
        value = Summary.Value(tag=SESSION_END, metadata=about, tensor=metadata.NULL_TENSOR)
        return Summary(value=[value])

    def row(self, record: TrialRecord) -> dict[str, float]:
        """Scalars by tag that fill a row's metric columns with the best epoch so far.

        A metric's own tag would not do: the page shows the last value of a tag.
        """
        best = {_best_tag(m): v for m, v in record.metrics.items() if m in self.metrics}
        finite = {tag: value for tag, value in best.items() if math.isfinite(value)}
        return {**finite, STATE_TAG: STATES[record.state], EPOCHS_TAG: float(record.epoch)}


def _best_tag(metric: str) -> str:
    return f"best/{metric}"


def _domain(dimension: Dimension) -> Domain:
    if dimension.kind in ("float", "int"):
        return RealInterval(float(dimension.low), float(dimension.high))
    dtype = _common_type(dimension.choices)
    return Discrete({_typed(choice, dtype) for choice in dimension.choices}, dtype=dtype)


def _common_type(values: Iterable[Any]) -> type:
    types = {type(value) for value in values}
    if types == {bool}:
        return bool
    return float if types <= {int, float} else str


def _typed(value: Any, dtype: type) -> bool | float | str:
    typed: bool | float | str = dtype(value)
    return typed
