"""The members of a population, and what was decided about them.

All wait for each other at a comparison, so that an interrupted population can go on from the last
one: before it is decided, every member has left its state there in its folder. Where the study was
put back to an earlier moment, its states are gone: members then train anew, by the same values at
the same epochs.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.recipe.load import with_overrides
from armtune.recipe.objectives import Goals
from armtune.recipe.ranges import Dimension
from armtune.recipe.schema import Recipe
from armtune.sweeps.engines.callback_errors import CallbackErrors
from armtune.sweeps.study.lineage import Descent
from armtune.sweeps.study.search import Search
from armtune.sweeps.workers.metrics_file import is_beyond
from armtune.sweeps.workers.trial import (
    CHECKPOINT,
    METRICS,
    UNDERWAY,
    Metrics,
    Task,
    trial_folder,
)

if TYPE_CHECKING:
    from armtune.sweeps.study.study import SweepStudy

STATE = re.compile(r"generation-(\d{4,10})\.(?:safetensors|jsonl)")
"""Names of the files that ``state_file`` and its metrics have."""
INFEASIBLE = 1e6
"""Far more than any objective: what violates constraints comes after all that meets them."""


class Population(CallbackErrors):
    """The members and what was decided about them.

    Attributes:
        members: the task of each trial that trains, by number.
        decided: epoch of the last comparison; 0 before the first.
    """

    def __init__(self, search: Search, study: SweepStudy) -> None:
        self.search, self._study = search, study
        self.members: dict[int, Task] = {}
        while task := search.next():
            self.members[task.number] = task
        self.decided = max(study.generations(), default=0)
        self._goals = Goals.from_recipe(search.recipe)
        self._forget_later()

    @property
    def recipe(self) -> Recipe:
        """The sweep's recipe."""
        return self.search.recipe

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.search.folder

    @property
    def dimensions(self) -> Mapping[str, Dimension]:
        """What members may change, by path."""
        return {d.path: d for d in self._study.dimensions if d.kind != "fixed"}

    def config(self, number: int) -> dict[str, Any]:
        """A member's task and values as they are now, and where its training goes on."""
        task = self.members[number]
        segment = self._study.lineages().get(number, [None])[-1]
        values = segment.values if segment else self._study.record(number).values
        changes = {p: v for p, v in values.items() if p in self.dimensions}
        member = {"task": task, "values": changes, "start": self._start(number)}
        return {"number": number, "member": member}

    def _start(self, number: int) -> Path | None:
        """The state that a member goes on from; None where there is none, or none any more."""
        if not self.decided:
            return None
        descent = self._study.generations()[self.decided].get(number)
        whose = descent.parent if descent else number
        state = state_file(trial_folder(self.folder, whose), self.decided)
        return state if state.exists() and _metrics(state).exists() else None

    def _forget_later(self) -> None:
        """Removes checkpoints of members beyond what was decided, from which none may go on."""
        for number, task in self.members.items():
            last = 0 if self.decided else min(task.rungs, default=task.recipe.training.epochs)
            if self._start(number) is None and is_beyond(task.folder / METRICS, last):
                for name in (CHECKPOINT, UNDERWAY):
                    (task.folder / name).unlink(missing_ok=True)

    def decide(self, epoch: int, descents: Mapping[int, Descent]) -> None:
        """Notes how all go on from a comparison, and gives those that changed new tasks."""
        self._study.note_generation(epoch, descents)
        self.decided = epoch
        self.forget(epoch)
        for number in descents:
            recipe = with_overrides(self.recipe, self._study.record(number).values)
            self.members[number] = replace(self.members[number], recipe=recipe)

    def forget(self, until: int) -> None:
        """Removes the states that members kept at earlier comparisons."""
        for left in self.folder.glob("trials/*/generation-*"):
            found = STATE.fullmatch(left.name)
            if found and int(found[1]) < until:
                left.unlink()

    def score(self, metrics: Metrics) -> float:
        """What members are compared by: the more the better, constraints first."""
        standing = self._goals.standing(metrics)
        violated = sum(standing.violations)
        return -INFEASIBLE * (1 + violated) if violated else -standing.losses[0]

    def explored(self, config: dict[str, Any]) -> dict[str, Any]:
        """Keeps what the scheduler made of a member's values within their ranges."""
        values = config["member"]["values"]
        for path, value in values.items():
            dimension = self.dimensions[path]
            if not dimension.choices and dimension.step is None:
                values[path] = min(max(value, dimension.low), dimension.high)
        return config


def state_file(folder: Path, epoch: int) -> Path:
    """Where a member keeps its state as it came to a comparison."""
    return folder / f"generation-{epoch:04d}.safetensors"


def copy_state(source: Path, to: Path) -> None:
    """Copies a checkpoint, whole or not at all, and the metrics up to it."""
    for one, other in ((source, to), (_metrics(source), _metrics(to))):
        aside = other.with_name(f"{other.name}.aside")
        shutil.copyfile(one, aside)
        aside.replace(other)


def _metrics(checkpoint: Path) -> Path:
    """The metrics that belong to a checkpoint."""
    if checkpoint.name == CHECKPOINT:
        return checkpoint.with_name(METRICS)
    return checkpoint.with_suffix(".jsonl")
