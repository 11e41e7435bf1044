"""Balancing methods: hooks into the one training loop. One file a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from armtune.fusion import Fusion
from armtune.plugins.options import Options
from armtune.plugins.registry import plugins
from armtune.targets import Metric, Target, named

if TYPE_CHECKING:
    from armtune.balancing._hooks import Balancer, Context


class Balancing(Options):
    """Options of a balancing method and how to build its hooks."""

    serves: ClassVar[type[Target]] = Target
    """The targets that the method is defined for: all, or one kind or family of them."""
    makes: ClassVar[tuple[Metric, ...]] = ()
    """Metrics of the method's own, which its ``end_epoch`` gives and trainings without it lack."""

    name: str

    @property
    def held_out(self) -> float:
        """Share of the training samples that the method holds out to value modalities on."""
        return 0.0

    def fusion(self, given: Fusion) -> Fusion:
        """The fusion to build the network with: the recipe's, unless the method has its own."""
        return given

    def problem(self, modalities: Sequence[str]) -> str:
        """Why this method can't serve these modalities; empty when it can."""
        return "" if len(modalities) > 1 else f"{self.name} balances two modalities or more"

    def misfit(self, modalities: Sequence[str], target: type[Target]) -> str:
        """Why this method can't serve these modalities and such a target; empty when it can."""
        if issubclass(target, self.serves):
            return self.problem(modalities)
        able = [n for n, m in plugins("balancing").items() if issubclass(target, _serves(m))]
        return f"{self.name} isn't defined for target {target.kind}; these are: {', '.join(able)}"

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        """The method's hooks for the members of a pack.

        Args:
            options: one member's options each, all of this class.
        """
        raise NotImplementedError


def makers(metric: str, modalities: Sequence[str]) -> list[str]:
    """The methods whose own a metric is; none where every training measures it, or no one does."""
    return [
        name
        for name, method in plugins("balancing").items()
        if issubclass(method, Balancing) and metric in named(method.makes, modalities)
    ]


def _serves(method: type[Options]) -> type[Target]:
    assert issubclass(method, Balancing), "a balancing method"
    return method.serves
