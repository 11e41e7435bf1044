"""A sampler chosen by a rule."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal

from armtune.samplers import Demand, Sampler, points
from armtune.samplers.cmaes import CmaEs
from armtune.samplers.gp import Gp
from armtune.samplers.grid import Grid
from armtune.samplers.nsga2 import Nsga2
from armtune.samplers.nsga3 import Nsga3
from armtune.samplers.tpe import Tpe

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

FEW_TRIALS = 100
FEW_DIMENSIONS = 10
MANY_TRIALS = 500


class Auto(Sampler):
    """Chooses one of the others by a stated rule, and says which."""

    name: Literal["auto"] = "auto"

    def build(self, seed: int) -> BaseSampler:
        raise AssertionError("a sweep builds the sampler that this one settles on")

    def settled(self, demand: Demand) -> tuple[Sampler, str]:
        """The first of these that fits.

        - ``grid``, where the trials suffice for every combination of values;
        - ``tpe``, where a range has a condition;
        - ``gp``, up to 100 trials, two objectives and ten dimensions;
        - ``nsga3``, from 500 trials and four objectives;
        - ``nsga2``, from 500 trials and two objectives;
        - ``cmaes``, from 500 trials, where it can serve;
        - ``tpe``.
        """
        count, trials = demand.objectives, demand.trials
        if _all_points(demand):
            return Grid(), f"{trials} trials are every combination of values"
        if demand.conditions:
            return Tpe(), f"{demand.conditions[0]} has a condition"
        if trials <= FEW_TRIALS and count <= 2 and len(demand.dimensions) <= FEW_DIMENSIONS:
            return Gp(), f"{trials} trials are few"
        if trials >= MANY_TRIALS and count > 1:
            chosen = Nsga3() if count > 3 else Nsga2()
            return chosen, f"{trials} trials are many, for {count} objectives"
        if trials >= MANY_TRIALS and not CmaEs().problem(demand):
            return CmaEs(), f"{trials} trials are many, for one objective over numbers"
        return Tpe(), "it serves everything well"


def _all_points(demand: Demand) -> bool:
    """Whether the trials are as many as the combinations of values."""
    if any(d.finite is None for d in demand.dimensions):
        return False
    return len(list(islice(points(demand.dimensions), demand.trials + 1))) == demand.trials
