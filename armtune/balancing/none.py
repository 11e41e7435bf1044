"""No balancing: the fused cross-entropy alone trains the encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from armtune.balancer import Balancer, Context
from armtune.balancing import Balancing


class NoBalancing(Balancing):
    """No balancing: the fused cross-entropy alone trains the encoders."""

    name: Literal["none"] = "none"

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        return Balancer(context)
