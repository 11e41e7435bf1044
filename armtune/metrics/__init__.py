"""What an epoch is judged by, the same for every balancing method; and measures of your own.

A measure is one file in this folder, or a plug-in from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from armtune.balancing import Balancing
from armtune.plugins.options import Options
from armtune.plugins.registry import plugins
from armtune.targets import Metric, Target, named
from armtune.targets.classes import Classes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


ERROR = "standard_error"
"""How far chance may move the score."""
PARAMETERS = "parameters"
"""How large the model is."""
LATENCY, TRAIN_SECONDS = "latency_ms", "train_seconds"
TIMED = (LATENCY, TRAIN_SECONDS)
"""Costs that a clock tells: a sweep measures them where one of its goals names them."""
COSTS = (PARAMETERS, *TIMED)
"""What a model costs: nothing that training improves."""


class Measure(Options):
    """Options of a metric that a recipe adds, and how to compute it."""

    serves: ClassVar[type[Target]] = Classes
    """The targets that the metric is defined for."""
    better: ClassVar[str] = ""
    """``maximize`` or ``minimize``; empty where the metric doesn't say."""
    said_by: ClassVar[str] = "name"
    """The option that says what is measured, at which a misfit is told."""

    name: str

    def value(self, logits: Tensor, labels: Tensor) -> float:
        """The metric of a whole split.

        Args:
            logits: the fused outputs, ``(sample, output)``: logits of classes or labels; values
                in their own unit.
            labels: of each sample: a class's number, zeros and ones ``(sample, label)``, a value.
        """
        raise NotImplementedError

    def misfit(self, target: type[Target]) -> str:
        """Why the metric isn't for such a target; empty where it is."""
        if issubclass(target, self.serves):
            return ""
        return f"{self.name} isn't defined for target {target.kind}"

    def undefined(self, target: Target, labels: NDArray[Any]) -> str:
        """Why the metric has no value on a split with such labels; empty where it has one."""
        return ""


def metrics_of(target: type[Target]) -> list[Metric]:
    """All metrics of trainings on such a target, and those of balancing methods' own."""
    score = target.score
    return [
        *target.own,
        Metric(ERROR, "minimize", f"standard error of the {score}, by the jackknife over samples"),
        Metric("loss", "minimize", target.loss),
        Metric(
            "train_loss", "minimize", "what the training minimised, mean over the epoch's steps"
        ),
        Metric(PARAMETERS, "minimize", "numbers that the networks learn, one for each fold"),
        Metric(LATENCY, "minimize", "milliseconds of predicting one sample, for goals only"),
        Metric(TRAIN_SECONDS, "minimize", "seconds of training so far, for goals only"),
        Metric(f"unimodal_{score}/<m>", "maximize", f"{score} of the modality's own head"),
        Metric(f"weakest_{score}", "maximize", f"lowest unimodal {score}"),
        Metric("missing/<m>", "maximize", "score of the fused decision with the modality absent"),
        Metric("contribution/<m>", "maximize", "Shapley value of the score over modality subsets"),
        Metric("contribution_gap", "minimize", "largest contribution minus the smallest"),
        Metric(
            "information/<m>", "maximize", "nats that the modality's own head tells of the label"
        ),
        Metric(
            "conditional/<m>", "maximize", "nats that the modality adds to what the others tell"
        ),
        *(metric for method in plugins("balancing").values() for metric in _makes(method)),
    ]


def _makes(method: type[Options]) -> tuple[Metric, ...]:
    assert issubclass(method, Balancing), "a balancing method"
    return method.makes


def metric_names(modalities: Iterable[str], target: type[Target]) -> list[str]:
    """Names of all metrics for these modalities, ``<m>`` filled in."""
    return named(metrics_of(target), modalities)
