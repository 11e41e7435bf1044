"""What a comparison would cost: an estimate of each method's sweep, and of all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from armtune.comparison.record import cut_folder
from armtune.comparison.whole import Prepared
from armtune.recipe.space import load_space
from armtune.sweeps.planning.plan import estimate
from armtune.sweeps.study.estimate import Estimate
from armtune.sweeps.workers.trial import TrainingFactory

TIMED = 2
"""Trainings by which a method's cost is timed after its sweep: with it, and without balancing."""


@dataclass(frozen=True)
class ComparisonEstimate:
    """Time and memory of a comparison.

    Attributes:
        each: the estimate of each method's sweep, on one cut.
        cuts: on how many cuts all is done.
    """

    each: Mapping[str, Estimate]
    cuts: int

    def method_seconds(self, method: str) -> float:
        """What a method takes on one cut: its sweep, the re-trainings, and the timing."""
        own = self.each[method]
        return own.search_seconds + own.after_seconds + TIMED * own.training_seconds

    @property
    def seconds(self) -> float:
        """All of it; workers start once."""
        start = max(own.start_seconds for own in self.each.values())
        return start + self.cuts * sum(map(self.method_seconds, self.each))

    @property
    def memory_bytes(self) -> float:
        """Peak memory of all processes; the methods follow one another."""
        return max(own.memory_bytes for own in self.each.values())

    def write(self, folder: Path) -> None:
        """Leaves the estimates in the folders that the sweeps will have."""
        places = [folder] if self.cuts == 1 else [cut_folder(folder, k) for k in range(self.cuts)]
        for place in places:
            for method, own in self.each.items():
                own.write(place / method)


def estimate_comparison(
    prepared: Prepared, factory: TrainingFactory, inline: bool = False
) -> ComparisonEstimate:
    """Times a few settings of each method that can be run.

    Raises:
        ArmtuneError: as of ``estimate``.
    """
    each = {}
    for contender in prepared.sweeps:
        assert contender.recipe is not None
        space = load_space(contender.recipe, factory.recipe_folder)
        each[contender.method] = estimate(contender.recipe, space, factory, inline)
    return ComparisonEstimate(each, len(prepared.recipes))
