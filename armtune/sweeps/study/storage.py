"""A sweep's study as samplers see it: of very many trials, the best and the latest."""

from __future__ import annotations

import copy
from bisect import insort
from collections.abc import Container, Sequence
from operator import attrgetter

import numpy as np
from optuna.storages import JournalStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from armtune.pruners._rungs import ranks
from armtune.sweeps.study.journal import Journal

BEST_SHOWN = 100
"""Of the trials that are shown at most, those that are the best by rank."""

_NUMBER = attrgetter("number")


class SweepStorage(JournalStorage):
    """The storage of the one study of a journal, which nobody else writes.

    Samplers go through all trials at each draw. To keep a draw's cost from growing, no more than
    ``shown`` of those that have ended are handed out, in the order of their numbers: the best 100
    of those that were trained to their full length, and for the rest those with the highest
    numbers. Trials that haven't ended are always among them. ``whole`` has all.

    Attributes:
        shown: None for all.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        super().__init__(journal)
        self.shown: int | None = None
        self._ended: list[FrozenTrial] = []
        self._best: list[FrozenTrial] = []
        self._waiting: set[int] = set()
        self._running: set[int] = set()
        for study in super().get_all_studies():
            for trial in self.whole(study._study_id):
                self._note(trial)

    def __len__(self) -> int:
        """Number of trials that were asked."""
        return len(self._ended) + len(self._running)

    def whole(self, study_id: int = 0) -> list[FrozenTrial]:
        """All trials, as they are, by number."""
        return super().get_all_trials(study_id, deepcopy=False)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """What a sampler is shown."""
        if self.shown is None or len(self._ended) <= self.shown:
            return super().get_all_trials(study_id, deepcopy, states)
        seen = [t for t in self._view() if states is None or t.state in states]
        return copy.deepcopy(seen) if deepcopy else seen

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        trial_id = super().create_new_trial(study_id, template_trial)
        self._note(self.get_trial(trial_id))
        return trial_id

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        changed = super().set_trial_state_values(trial_id, state, values)
        self._note(self.get_trial(trial_id))
        return changed

    def _sync_with_backend(self) -> None:
        # Optuna opens the file at each look at a trial, some hundred times a trial.
        if self._journal.unread:
            super()._sync_with_backend()
            self._journal.unread = False

    def _view(self) -> list[FrozenTrial]:
        assert self.shown is not None
        best = {trial.number: trial for trial in self._best}
        latest = self._ended[len(best) - self.shown :]
        unfinished = map(self.get_trial, self._waiting | self._running)
        shown = best | {trial.number: trial for trial in (*latest, *unfinished)}
        return sorted(shown.values(), key=_NUMBER)

    def _note(self, trial: FrozenTrial) -> None:
        """Takes in a trial's state."""
        self._waiting.discard(trial.number)
        self._running.discard(trial.number)
        if trial.state is TrialState.WAITING:
            self._waiting.add(trial.number)
        elif trial.state is TrialState.RUNNING:
            self._running.add(trial.number)
        else:
            insort(self._ended, trial, key=_NUMBER)
        if trial.state is TrialState.COMPLETE:
            self._best.append(trial)
            if len(self._best) > BEST_SHOWN:
                self._drop_worst()

    def _drop_worst(self) -> None:
        """Lets go of the trial that most fronts lie before, of several the earliest."""
        directions = self.get_study_directions(0)
        signs = [-1.0 if d is StudyDirection.MAXIMIZE else 1.0 for d in directions]
        losses = np.array([trial.values for trial in self._best]) * signs
        violated = [sum(max(0.0, x) for x in t.constraints.values()) for t in self._best]
        last = ranks(losses, np.array(violated))
        self._best.pop(int(last.argmax()))
