"""What augmentations have in common: a number a sample, places along an axis, shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def for_samples(values: Tensor, view: Tensor) -> Tensor:
    """A number a sample ``(member, sample)``, shaped so that it meets samples of any shape."""
    return values.reshape(*values.shape, *[1] * (view.ndim - 2))


def along(values: Tensor, axis: int, view: Tensor) -> Tensor:
    """Numbers ``(member, sample, place)`` along an axis of ``view``, shaped to meet it."""
    shape = [*values.shape[:2], *[1] * (view.ndim - 2)]
    shape[axis] = values.shape[2]
    return values.reshape(shape)


def moved(view: Tensor, places: Tensor, axis: int) -> Tensor:
    """Samples whose places along an axis are taken from others, ``(member, sample, place)``."""
    return view.gather(axis, along(places, axis, view).expand(view.shape))


def whole(uniform: Tensor, most: Tensor) -> Tensor:
    """Whole numbers from ``-most`` to ``most``, equally likely, from draws of [0, 1)."""
    return (uniform * (2 * most + 1)).floor() - most


def not_a_picture(name: str, shape: tuple[int, ...]) -> str:
    """Why samples of a shape are no pictures and no films; empty when they may be."""
    if len(shape) in (2, 3, 4):
        return ""
    return (
        f"{name} changes pictures (height, width) or (channel, height, width) and films "
        f"(frame, channel, height, width), not {shape}"
    )


def not_a_sound(name: str, shape: tuple[int, ...]) -> str:
    """Why samples of a shape are no sounds; empty when they may be."""
    if len(shape) in (1, 2):
        return ""
    return f"{name} changes waves (time,) and spectrograms (band, time), not {shape}"
