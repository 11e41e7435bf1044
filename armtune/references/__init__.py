"""Simple models on the same splits as a sweep: what its winner has to beat.

A *reference* is fitted on the training samples for its validation score, and again on training and
validation samples together for its test score. Which one is the best is decided on validation.
Nothing here imports scikit-learn or torch; ``armtune.references.measure`` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

How = Literal["constant", "single", "mean", "together"]
"""What a reference reads: nothing, one modality, each by a model of its own, or all as one."""

RESULTS = "results.json"
PER_SAMPLE = "per_sample.npz"
FOLDER = "references"
"""Folder of a run in which both files lie."""
LATE = "not reached in time"
"""Why a reference wasn't measured, where the time that there was for it was over."""


@dataclass(frozen=True)
class Reference:
    """One reference and what it scored.

    Attributes:
        model: the kind of model, such as ``logistic regression``.
        how: what it reads.
        modality: the modality that it reads, if it is one.
        validation: its score on validation; None where it wasn't measured.
        test: the same on test.
        missing: its score on test with a modality missing, by modality.
        seconds: of computing time that it took.
        reason: why it wasn't measured; empty otherwise.
    """

    model: str
    how: How
    modality: str = ""
    validation: float | None = None
    test: float | None = None
    missing: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.model}{self._of}"

    @property
    def _of(self) -> str:
        ends = {"constant": "", "mean": ", mean of the modalities", "together": " on all together"}
        return ends.get(self.how, f" on {self.modality}")

    @property
    def measured(self) -> bool:
        """Whether it has both scores."""
        return self.validation is not None and self.test is not None


@dataclass(frozen=True)
class References:
    """All references of a sweep.

    Attributes:
        score: the metric that they are judged by; more is better.
        samples: number of test samples.
        target: what is predicted, as ``Target.about`` says it.
        found: measured or not, in the order of their cost.
        failure: why there are none or not all; empty otherwise.
    """

    score: str
    samples: int
    target: Mapping[str, Any]
    found: tuple[Reference, ...] = ()
    failure: str = ""

    @property
    def best(self) -> Reference | None:
        """The one with the highest validation score; of equals the one that is cheaper."""
        return _best(self.found)

    @property
    def best_single(self) -> Reference | None:
        """The same among those of one modality."""
        return _best(each for each in self.found if each.how == "single")

    @property
    def best_mean(self) -> Reference | None:
        """The same among means of models of one modality each."""
        return _best(each for each in self.found if each.how == "mean")

    @property
    def constant(self) -> Reference | None:
        """The one that always says the same."""
        return _best(each for each in self.found if each.how == "constant")

    def as_dict(self) -> dict[str, Any]:
        """All of it in JSON's types; ``restored`` reads it."""
        return {
            "score": self.score,
            "samples": self.samples,
            "target": dict(self.target),
            "found": [asdict(each) for each in self.found],
            "failure": self.failure,
        }


def restored(about: Mapping[str, Any]) -> References:
    """References from what ``as_dict`` says of them.

    Raises:
        ValueError: it isn't that.
    """
    return TypeAdapter(References).validate_python(about)


def _best(references: Iterable[Reference]) -> Reference | None:
    known = [each for each in references if each.measured]
    return max(known, key=_validation, default=None)


def _validation(reference: Reference) -> float:
    assert reference.validation is not None
    return reference.validation
