"""No balancing: the fused cross-entropy alone trains the encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from armtune.balancing import Balancing

if TYPE_CHECKING:
    from armtune.balancer import Balancer, Context


class NoBalancing(Balancing):
    """No balancing: the fused cross-entropy alone trains the encoders."""

    name: Literal["none"] = "none"

    @staticmethod
    def build(options: Sequence[Any], context: Context) -> Balancer:
        from armtune.balancer import Balancer

        return Balancer(context)
