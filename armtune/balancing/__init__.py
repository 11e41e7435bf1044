"""Balancing methods: hooks into the one training loop. One file a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from armtune.fusion import Fusion
from armtune.options import Options

if TYPE_CHECKING:
    from armtune.balancer import Balancer, Context


class Balancing(Options):
    """Options of a balancing method and how to build its hooks."""

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
        return ""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        """The method's hooks for the members of a pack.

        Args:
            options: one member's options each, all of this class.
        """
        raise NotImplementedError
