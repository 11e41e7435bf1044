"""How much an update computes, counted and not timed: the same however busy a machine is."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Protocol

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Steps(Protocol):
    """A training that hasn't begun."""

    def train_steps(self, pause: Callable[[], bool]) -> bool: ...


class Counting(TorchDispatchMode):
    """Counts the numbers that torch's operations give within a block.

    Attributes:
        numbers: how many they are.
        convolves: whether a convolution was among the operations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.numbers, self.convolves = 0, False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = func(*args, **(kwargs or {}))
        parts = given if isinstance(given, list | tuple) else [given]
        self.numbers += sum(part.numel() for part in parts if isinstance(part, Tensor))
        self.convolves |= "conv" in str(func)
        return given


def numbers_of_update(training: Steps, device: str) -> float:
    """Numbers that an update makes; endless where it convolves on a CPU.

    There a pack's convolutions are grouped ones, which take longer than one after the other.
    """
    with Counting() as count:
        over = training.train_steps(lambda: True)
    if not over:  # without what an epoch begins with
        with Counting() as count:
            training.train_steps(lambda: True)
    return inf if count.convolves and device == "cpu" else float(count.numbers)
