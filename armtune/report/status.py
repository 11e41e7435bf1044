"""How far a sweep is, read beside it while it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from armtune.recipe.looking import look
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.report.tables import (
    STATE_WORDS,
    by_objective,
    chosen_of,
    figure,
    goal_metrics,
    trial_dict,
)
from armtune.sweeps import TrialRecord, front_of
from armtune.sweeps.study.confirm import best_of
from armtune.sweeps.study.folder import RECIPE
from armtune.sweeps.study.lock import Holder, holder
from armtune.sweeps.study.patience import Patience
from armtune.sweeps.study.reader import read_study
from armtune.sweeps.study.records import candidates_of


@dataclass(frozen=True)
class Status:
    """Where a sweep stands.

    Attributes:
        holder: who runs it, or left a name there; None when nobody did.
        best: the trial of the front that the recipe's rule picks, else the first objective's best.
        retrained: re-trainings done.
        left_out: a sentence on what isn't shown; empty when all is.
        in_time: trials that fitted into ``sweep.seconds``; None where it didn't end the search.
        in_vain: what ``sweep.patience`` ended the search for; empty where it didn't.
    """

    recipe: Recipe
    holder: Holder | None
    records: list[TrialRecord]
    front: list[int]
    best: TrialRecord | None
    retrained: int
    left_out: str = ""
    in_time: int | None = None
    in_vain: str = ""

    @property
    def _trials(self) -> int:
        """Trials that there are to be."""
        if self.in_vain:
            return len(self.records)
        return self.recipe.sweep.trials if self.in_time is None else self.in_time

    @property
    def wanted(self) -> int:
        """Re-trainings that there can be at most."""
        confirm = self.recipe.sweep.confirm
        return confirm.top * confirm.seeds if confirm else 0

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self._ended >= self._trials and self.retrained >= self._due

    @property
    def _due(self) -> int:
        """Re-trainings of the trials that qualify now."""
        confirm, goals = self.recipe.sweep.confirm, Goals.from_recipe(self.recipe)
        if confirm is None:
            return 0
        able = candidates_of(self.records, goals)
        return len(best_of(able, goals.choice, confirm.top)) * confirm.seeds

    @property
    def _ended(self) -> int:
        return sum(record.state != "RUNNING" for record in self.records)

    def lines(self) -> list[str]:
        """The same for a terminal."""
        counts = self._counts()
        shown = [word for word, n in counts.items() if n or word != "interrupted"]
        states = ", ".join(f"{counts[word]} {word}" for word in shown)
        lines = [f"{self.recipe.name}: {self._word()}"]
        lines.append(f"trials: {self._ended} of {self._trials} ended{self._why()}; {states}")
        found = f"{len(self.front)} trial{'s' * (len(self.front) != 1)}"
        lines.append(f"front: {found}" if self.front else "front: empty so far")
        if self.best:
            lines.append(self._best())
        if self.wanted:
            lines.append(f"re-trained: {self.retrained} of at most {self.wanted}")
        if self.left_out:
            lines.append(self.left_out)
        return lines

    def _why(self) -> str:
        """Why there are to be no more trials; empty where the recipe wants no more."""
        if self.in_vain:
            return f" (sweep.patience: {self.in_vain})"
        return "" if self.in_time is None else ", as many as sweep.seconds has time for"

    @property
    def brief(self) -> str:
        """The same in a line, of a sweep in a comparison."""
        ended = f"{self._ended} of {self._trials} trials ended"
        return "; ".join([self._word("compare"), ended, *([self._best()] if self.best else [])])

    def _best(self) -> str:
        assert self.best
        metrics = goal_metrics(Goals.from_recipe(self.recipe))
        told = ", ".join(f"{name} {figure(self.best.metrics.get(name))}" for name in metrics)
        return f"best: trial {self.best.number}, {told}"

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON can hold it."""
        return {
            "name": self.recipe.name,
            "state": self._word().partition(",")[0],
            "holder": str(self.holder) if self._runs else None,
            "trials": {"wanted": self._trials, **self._counts()},
            "front": self.front,
            "best": trial_dict(self.best) if self.best else None,
            "retrained": {"done": self.retrained, "at_most": self.wanted},
            "left_out": self.left_out or None,
        }

    def _counts(self) -> dict[str, int]:
        """Trials by their states; of those that haven't ended none runs where nobody runs them."""
        counts = Counter(record.state for record in self.records)
        if not self._runs:
            counts["INTERRUPTED"] = counts.pop("RUNNING", 0)
        words = {**STATE_WORDS, "INTERRUPTED": "interrupted"}
        return {word: counts[state] for state, word in words.items()}

    @property
    def _runs(self) -> bool:
        """Whether somebody seems to run it; what is over on another machine can only be silent."""
        holder = self.holder
        return bool(holder and holder.lives and not (self.over and holder.silent is not None))

    def _word(self, verb: str = "sweep") -> str:
        if self._runs:
            return f"running, in {self.holder}"
        if self.over:
            return "done"
        gone = f"it was in {self.holder}; " if self.holder else ""
        return f"stopped, {gone}armtune {verb} with --resume goes on"


def read_status(folder: Path) -> Status:
    """Reads a run's folder; takes no lock and runs no code.

    Raises:
        RunError: the folder holds no sweep, or a damaged one.
    """
    study = read_study(folder)
    records, confirmed = study.records(), study.confirmed()
    seen = look(folder / RECIPE)
    recipe = seen.recipe
    goals = Goals.from_recipe(recipe)
    front = front_of(records, goals)
    numbers = set(front)
    known = {number: [seed.metrics for seed in seeds] for number, seeds in confirmed.items()}
    chosen = chosen_of(records, front, goals, known)
    standing = by_objective((r for r in records if r.number in numbers), goals)
    best = next((r for r in records if r.number == chosen), next(iter(standing), None))
    retrained = sum(map(len, confirmed.values()))
    return Status(
        recipe,
        holder(folder),
        records,
        front,
        best,
        retrained,
        seen.left_out,
        study.in_time,
        Patience(recipe, records).said,
    )
