"""How far residual networks shrink images: what tells, without torch, which they can read."""

from __future__ import annotations

from math import ceil, prod

LEAST = 8
"""Values that a group is normalised over at least: fewer would say little but their order."""


def values_of(shape: tuple[int, ...], width: int, stages: int, stem: str) -> list[int]:
    """Channels times pixels of one image after each stage, where norms see fewest of them."""
    halved = 2 if stem == "imagenet" else 0
    pixels = [prod(ceil(side / 2 ** (halved + k)) for side in shape[-2:]) for k in range(stages)]
    return [width * 2**k * count for k, count in enumerate(pixels)]
