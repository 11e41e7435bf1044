"""No balancing: the fused cross-entropy alone trains the encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from armtune.balancing import Balancing
from armtune.balancing._hooks import Balancer, Context


class NoBalancing(Balancing):
    """No balancing: the fused cross-entropy alone trains the encoders."""

    name: Literal["none"] = "none"

    def problem(self, modalities: Sequence[str]) -> str:
        return ""

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Balancer(context)
