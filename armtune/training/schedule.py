"""A training whose settings change on the way, as ``training.schedule`` says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from armtune.data import Dataset
from armtune.recipe.schedule import recipe_at
from armtune.recipe.schema import Recipe
from armtune.training.checkpoint import Member
from armtune.training.folds import CrossValidation
from armtune.training.loop import Run
from armtune.training.samples import Samples
from armtune.training.settings import settings_digest


class ScheduledRun(Run):
    """A run that at some epochs becomes another one, and goes on from where it stood.

    That is what adopting a member under other settings does. Arguments are as of ``Run``.
    """

    def __init__(
        self, recipes: Sequence[Recipe], data: Dataset | Samples, device: str = "cpu"
    ) -> None:
        self._whole = tuple(recipes)
        self._become([recipe_at(recipe, 0) for recipe in recipes], data, device)

    def _become(self, now: Sequence[Recipe], data: Dataset | Samples, device: str = "cpu") -> None:
        super().__init__(now, data, device)
        # A checkpoint is one of the whole schedule, wherever on its way it was written.
        self.settings = [settings_digest(recipe, self.dataset.digest) for recipe in self._whole]

    def train_steps(self, pause: Callable[[], bool] = lambda: False) -> bool:
        """See ``Run.train_steps``."""
        if not self.step:
            self._follow()
        return super().train_steps(pause)

    def take_up(self, members: Sequence[Member]) -> bool:
        """See ``Run.take_up``."""
        self._follow()
        return super().take_up(members)

    def _follow(self) -> None:
        """Takes the settings of the epoch that comes next."""
        now = [recipe_at(r, epoch) for r, epoch in zip(self._whole, self.epochs, strict=True)]
        if now != list(self.recipes):
            members = [self.member(k) for k in range(len(now))]
            self._become(now, self.samples)
            for k, member in enumerate(members):
                self.adopt(k, member)


def begin(
    recipes: Sequence[Recipe], data: Dataset | Samples, device: str = "cpu"
) -> Run | CrossValidation:
    """A training of a pack of recipes: by folds where the data have some, and as schedules say."""
    if isinstance(data, Dataset):
        data = Samples(recipes[0], data, device)
    scheduled = any(recipe.training.schedule for recipe in recipes)
    kind = ScheduledRun if scheduled else Run
    if data.folds is None:
        return kind(recipes, data)
    members = [recipe for recipe in recipes for _ in range(len(data.folds))]
    return CrossValidation(kind(members, data), data.folds)
