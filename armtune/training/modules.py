"""Modules of torch among a network's encoders, in their training mode during training steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from armtune.nn.random_streams import seed_for
from armtune.nn.wrapped import Wrapped


class Modules:
    """The wrapped modules of a network.

    Args:
        seeds: each member's.
    """

    def __init__(self, network: nn.Module, seeds: Sequence[int]) -> None:
        self._seeds = seeds
        self._modules = [part for part in network.modules() if isinstance(part, Wrapped)]

    @contextmanager
    def training(self, epochs: Sequence[int], step: int) -> Iterator[None]:
        """A step: dropout drops, and batch norm sees the batch.

        Args:
            epochs: each member's.
            step: of the epoch.
        """
        members = list(zip(self._seeds, epochs, strict=True))
        for number, module in enumerate(self._modules):
            purpose = f"module {number}"
            module.seeds = [seed_for(seed, purpose, epoch, step) for seed, epoch in members]
        try:
            yield
        finally:
            for module in self._modules:
                module.seeds = None
