"""Covariance matrix adaptation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.samplers import Demand, Sampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class CmaEs(Sampler):
    """CMA-ES, an evolution strategy; one objective over numbers, hundreds of trials."""

    shown: ClassVar[int | None] = None  # it goes through all generations again
    name: Literal["cmaes"] = "cmaes"
    population: int = Field(8, ge=4)
    """Fully trained trials a generation."""
    step: float = Field(0.25, gt=0, le=1)
    """Standard deviation of the first draws, as a share of each range."""

    def build(self, seed: int) -> BaseSampler:
        from armtune.samplers._replayed import ReplayedCma

        return ReplayedCma(seed, self.population, self.step)

    def problem(self, demand: Demand) -> str:
        varied = [d for d in demand.dimensions if d.kind != "fixed"]
        if demand.objectives > 1:
            return f"cmaes takes one objective, not {demand.objectives}; tpe takes several"
        if demand.constraints:
            return "cmaes knows no constraints; tpe does"
        if demand.conditions:
            return f"cmaes can't search what has a condition: {demand.conditions[0]}; tpe can"
        if demand.choices:
            return f"cmaes searches numbers, not the choices of {demand.choices[0]}; tpe can"
        if len(varied) < 2:
            return f"cmaes needs two dimensions or more, not {len(varied)}; tpe takes any number"
        return ""
