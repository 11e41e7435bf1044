"""A training by several processes: the first one leads, and the others follow.

The processes are those of ``torch.distributed``'s default group, between which
``armtune.training.data_parallel`` divides the work of the encoders. Only the leader has tasks,
decides how far to train, and writes files; whatever changes a training it tells the others first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from armtune.errors import ArmtuneError
from armtune.recipe.schema import Recipe
from armtune.sweeps.workers.trial import Metrics, Training
from armtune.sweeps.workers.worker import Worker
from armtune.training.checkpoint import Member
from armtune.training.loop import Run

BEGIN = "begin"
TOLD_SECONDS = 1.0
"""The others are told for about so long how many updates to train."""


class Updates:
    """Stops a training after so many more updates."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self) -> bool:
        self._left -= 1
        return self._left <= 0


class Pace:
    """Whether all processes stand at the same place.

    An error that may have met this process alone leaves the others waiting for it, or there are no
    others any more.
    """

    def __init__(self) -> None:
        self.kept = True

    @contextmanager
    def together(self, *order: Any) -> Iterator[None]:
        """Tells the others to do what this process does in the block."""
        self.kept = False
        _tell(*order)
        try:
            yield
        except ArmtuneError:  # meets the others too
            self.kept = True
            raise
        self.kept = True


class Led:
    """A training whose every step the others take too."""

    def __init__(self, training: Run, pace: Pace) -> None:
        self._own, self._pace = training, pace
        self._updates = 1

    @property
    def epochs(self) -> list[int]:
        return self._own.epochs

    @property
    def best(self) -> list[Metrics]:
        return self._own.best

    @property
    def diverged(self) -> list[str]:
        return self._own.diverged

    def train_steps(self, pause: Callable[[], bool]) -> bool:
        """Asks only now and then: all have to stop at the same update, which is told beforehand."""
        while True:
            started = time.monotonic()
            with self._pace.together("train_steps", Updates(self._updates)):
                over = self._own.train_steps(Updates(self._updates))
            if over or pause():
                return over
            if time.monotonic() - started < TOLD_SECONDS / 2:
                self._updates *= 2

    def progress(self) -> float:
        return self._own.progress()

    def advance(self) -> list[Metrics]:
        with self._pace.together("advance"):
            return self._own.advance()

    def test(self) -> list[Metrics]:
        with self._pace.together("test"):
            return self._own.test()

    def save_outputs(self, split: str, places: Mapping[int, Path]) -> None:
        with self._pace.together("save_outputs", split, {}):
            self._own.save_outputs(split, places)

    def adopt(self, k: int, member: Member) -> None:
        with self._pace.together("adopt", k, member.on_host()):
            self._own.adopt(k, member)

    def restore(self, path: Path, k: int = 0) -> None:
        # Read once: the others get what was read, not a file that they might see otherwise.
        self._own.restore(path, k)
        with self._pace.together("adopt", k, self._own.member(k).on_host()):
            pass

    def resume(self, paths: Sequence[Path]) -> bool:
        members = [Member.load(*pair) for pair in zip(paths, self._own.settings, strict=True)]
        with self._pace.together("take_up", members):
            return self._own.take_up(members)

    def member(self, k: int) -> Any:
        return self._own.member(k)

    def save(self, path: Path, k: int = 0) -> None:
        self._own.save(path, k)

    def save_model(self, path: Path, k: int = 0) -> None:
        self._own.save_model(path, k)

    @property
    def tested(self) -> Sequence[Any]:
        return self._own.tested


class Leader(Worker):
    """The worker that has the tasks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pace = Pace()

    def training(self, recipes: Sequence[Recipe]) -> Training:
        """See ``Worker.training``; the others find the data in the cache by then."""
        self.samples_for(recipes[0])
        with self.pace.together(BEGIN, recipes):
            own = super().training(recipes)
            assert isinstance(own, Run), "the others take its steps too"
            return Led(own, self.pace)

    def dismiss(self) -> None:
        """Lets the others go."""
        _tell("")


class Follower(Worker):
    """A worker that does what the leader does."""

    def follow(self) -> None:
        """Trains until the leader dismisses it.

        An error that is told to users meets the leader too, which tells it; any other ends this
        process, and so the training.
        """
        own: Training | None = None
        while (order := _heard())[0]:
            name, *arguments = order
            if name == BEGIN:
                self.samples_for(arguments[0][0])
            with suppress(ArmtuneError):
                if name == BEGIN:
                    own = self.training(*arguments)
                else:
                    getattr(own, name)(*arguments)


def _tell(*order: Any) -> None:
    distributed.broadcast_object_list([order], src=0, device=torch.device("cpu"))


def _heard() -> tuple[Any, ...]:
    box: list[Any] = [None]
    distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    order: tuple[Any, ...] = box[0]
    return order
