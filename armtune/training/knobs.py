"""The numbers of options, member by member."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from armtune.plugins.options import Options


def knobs_of(options: Sequence[Options], like: Tensor) -> dict[str, Tensor]:
    """Every number that members' options state, ``(member, 1)``, by its name.

    Args:
        options: of one class, one a member.
        like: of the type and on the device that the numbers are wanted.
    """
    return {
        name: like.new_tensor([[getattr(own, name)] for own in options])
        for name in type(options[0]).model_fields
        if type(getattr(options[0], name)) in (int, float)
    }
