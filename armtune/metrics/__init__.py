"""What an epoch is judged by, the same for every balancing method; and measures of your own.

A measure is one file in this folder, or a plug-in from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from armtune.options import Options

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Metric:
    """One figure of an epoch; ``<m>`` in its name stands for each modality."""

    name: str
    better: str
    meaning: str


class Measure(Options):
    """Options of a metric that a recipe adds, and how to compute it."""

    name: str

    def value(self, logits: Tensor, labels: Tensor) -> float:
        """The metric of a whole split.

        Args:
            logits: the fused decision, ``(sample, class)``.
            labels: class of each sample, ``(sample,)``.
        """
        raise NotImplementedError


METRICS = (
    Metric("accuracy", "maximize", "share of samples whose fused prediction is right"),
    Metric("macro_f1", "maximize", "mean over classes of the F1 score"),
    Metric("loss", "minimize", "cross-entropy of the fused prediction, in nats"),
    Metric("train_loss", "minimize", "what the training minimised, mean over the epoch's steps"),
    Metric(
        "calibration_error", "minimize", "expected calibration error over 15 bins of confidence"
    ),
    Metric("unimodal_accuracy/<m>", "maximize", "accuracy of the modality's own head"),
    Metric("weakest_accuracy", "maximize", "lowest unimodal accuracy"),
    Metric("missing/<m>", "maximize", "fused accuracy with the modality absent"),
    Metric("contribution/<m>", "maximize", "Shapley value of the accuracy over modality subsets"),
    Metric("contribution_gap", "minimize", "largest contribution minus the smallest"),
    Metric("information/<m>", "maximize", "nats that the modality's own head tells of the label"),
    Metric("conditional/<m>", "maximize", "nats that the modality adds to what the others tell"),
    Metric(
        "phi/<m>", "maximize", "ARM: Shapley value of information, in nats, on the valuation slice"
    ),
    Metric("weight/<m>", "maximize", "ARM: weight of the modality's features in the fusion"),
)


def metric_names(modalities: Iterable[str]) -> list[str]:
    """Names of all metrics for these modalities, ``<m>`` filled in."""
    named = list(modalities)
    return [
        metric.name.replace("<m>", modality)
        for metric in METRICS
        for modality in (named if "<m>" in metric.name else [""])
    ]
