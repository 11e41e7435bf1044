"""Whether it is worth a search's while to go on."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.sweeps.study.hypervolume import growth
from armtune.sweeps.study.records import TrialRecord


class Patience:
    """A sweep's ``patience``: it ends where the front hasn't grown for so many trials.

    Only what trials ended with decides, and in which order they did: a resumed sweep decides as an
    undisturbed one. A trial that ends late and makes the front grow lets the sweep go on.

    Args:
        records: the trials so far.
    """

    def __init__(self, recipe: Recipe, records: Sequence[TrialRecord]) -> None:
        self._trials, self._share = recipe.sweep.patience, recipe.sweep.patience_share
        self._most = recipe.sweep.trials
        self._goals = Goals.from_recipe(recipe)
        ended = sorted((r for r in records if r.state != "RUNNING"), key=attrgetter("ended"))
        self._found = [self._losses(record) for record in ended]
        self._over = self._judge()

    @property
    def is_over(self) -> bool:
        """Whether the last trials were in vain."""
        return self._over

    @property
    def said(self) -> str:
        """Why it ended the search before all its trials; empty where it didn't."""
        if not self._over or len(self._found) >= self._most:
            return ""
        share = f"{100 * self._share:g} %"
        return f"the last {self._trials} made the front grow by no more than {share}"

    def note(self, record: TrialRecord) -> None:
        """Takes in a trial that has ended."""
        self._found.append(self._losses(record))
        self._over = self._judge()

    def _losses(self, record: TrialRecord) -> tuple[float, ...] | None:
        """What a trial brings to the front; None where it can't be on it."""
        if record.state != "COMPLETE":
            return None
        standing = self._goals.standing(record.metrics)
        return None if any(standing.violations) else standing.losses

    def _judge(self) -> bool:
        if not self._trials:
            return False
        before, last = self._found[: -self._trials], self._found[-self._trials :]
        known, new = ([found for found in part if found] for part in (before, last))
        return bool(known) and growth(known, new) <= self._share
