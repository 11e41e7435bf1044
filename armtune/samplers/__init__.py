"""Samplers: what the study tries next. One file a sampler, each a thin cover of one of Optuna's."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from armtune.options import Options

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class Sampler(Options):
    """Options of a sampler and how to build it."""

    name: str
    sequential: ClassVar[bool] = False
    """Whether all draws form one sequence of one seed. Others are built anew for each trial."""

    def build(self, seed: int) -> BaseSampler:
        """Optuna's sampler, seeded."""
        raise NotImplementedError

    def problem(self, objectives: int, constraints: int) -> str:
        """Why this sampler can't serve that many objectives and constraints; empty when it can."""
        return ""
