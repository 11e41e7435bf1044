"""Samplers: what the study tries next. One file a sampler, most a thin cover of one of Optuna's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from armtune.plugins.options import Options

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from armtune.recipe.ranges import Dimension


@dataclass(frozen=True)
class Demand:
    """What a sampler is to serve.

    Attributes:
        objectives: number of values a trial is judged by.
        constraints: number of constraints.
        trials: number of trials that are wanted.
        dimensions: what is searched, what a condition reads before what it rules.
    """

    objectives: int
    constraints: int
    trials: int
    dimensions: Sequence[Dimension]

    @property
    def conditions(self) -> list[str]:
        """Paths that don't apply to every trial."""
        return [d.path for d in self.dimensions if d.when]

    @property
    def choices(self) -> list[str]:
        """Paths whose values have no order."""
        return [d.path for d in self.dimensions if d.kind == "choice"]


def points(dimensions: Sequence[Dimension]) -> Iterator[dict[str, Any]]:
    """Every combination of values that can be drawn; the last dimension changes fastest.

    Args:
        dimensions: all finite, what a condition reads before what it rules.
    """
    if not dimensions:
        yield {}
        return
    *before, last = dimensions
    values = last.finite
    assert values is not None, f"{last.path} has no end of values"
    for point in points(before):
        if last.applies(point):
            yield from ({**point, last.path: value} for value in values)
        else:
            yield point


class Sampler(Options):
    """Options of a sampler and how to build it."""

    name: str
    sequential: ClassVar[bool] = False
    """Whether all draws form one sequence of one seed. Others are built anew for each trial."""

    shown: ClassVar[int | None] = 1000
    """Of the trials that have ended, how many it is shown at most: the best and the latest; None
    for all."""

    def build(self, seed: int) -> BaseSampler:
        """Optuna's sampler, seeded."""
        raise NotImplementedError

    def problem(self, demand: Demand) -> str:
        """Why this sampler can't serve a sweep; empty when it can."""
        return ""

    def settled(self, demand: Demand) -> tuple[Sampler, str]:
        """The sampler that serves a sweep, and why it does where that was left open."""
        return self, ""

    def planned(self, demand: Demand, own: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The first trials, known before anything is trained.

        Args:
            own: the recipe's own values of what is searched, where they lie in the ranges.
        """
        return [dict(own)]
