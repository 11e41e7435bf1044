"""What a sweep tells about its trials, and who listens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from armtune.recipe.schema import Recipe
    from armtune.recipe.space import Space


@dataclass(frozen=True)
class TrialRecord:
    """A trial as it stands.

    Attributes:
        number: number of the trial in the study, from 0.
        state: ``RUNNING``, ``COMPLETE``, ``PRUNED`` or ``FAIL``.
        values: overrides of the recipe by dotted path, only those that apply.
        metrics: metrics at the best epoch so far; empty before the first epoch has ended.
        epoch: epochs done.
        reason: why the trial was pruned or failed; empty otherwise.
        started: when it started, in seconds since 1970.
        ended: when it ended, in seconds since 1970; 0 while it runs.
    """

    number: int
    state: str
    values: dict[str, Any]
    metrics: dict[str, float]
    epoch: int
    reason: str
    started: float
    ended: float


class Listener:
    """Follows a sweep; does nothing unless a method is overridden. Called in the driver process."""

    def sweep_started(
        self,
        recipe: Recipe,
        space: Space,
        dataset_description: str,
        folder: Path,
        records: list[TrialRecord],
    ) -> None:
        """The sweep starts or resumes in ``folder``; ``records`` are the trials it already has."""

    def trial_started(self, record: TrialRecord) -> None:
        """A trial starts, or goes on after an interruption."""

    def epoch_ended(self, record: TrialRecord, metrics: dict[str, float]) -> None:
        """A trial has trained the epoch ``record.epoch``, which gave ``metrics``."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial is COMPLETE, PRUNED or FAIL."""

    def confirmed(self, number: int, seed: int, metrics: dict[str, float]) -> None:
        """Trial ``number`` was re-trained with ``seed``."""

    def sweep_ended(self, records: Sequence[TrialRecord], front: Sequence[int]) -> None:
        """No trial is left to run; ``front`` holds the numbers of the trials on the front."""
