"""Each member's best epoch: its metrics, and what prediction needs of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from armtune.files import write_bytes
from armtune.nn.flat_parameters import FlatParameters
from armtune.nn.wrapped import running_buffers
from armtune.training.network import MultimodalNet

BUFFERS = ("weights", "means")
"""The network's buffers that are learnt and that prediction needs."""


class BestEpochs:
    """Copies of what was learnt, made where an epoch is better than all before.

    Args:
        score: the metric that is to be high; where it is the same, a lower ``loss`` is better.
        last: whether the last epoch counts instead, whatever its metrics.

    Attributes:
        metrics: each member's at its best epoch so far, ``epoch`` (counted from 1) among them.
        state: what prediction needs, as it was then, ``(member, …)`` each.
    """

    def __init__(
        self, network: MultimodalNet, flat: FlatParameters, score: str, last: bool = False
    ) -> None:
        self._network, self._flat, self._score, self._last = network, flat, score, last
        self.metrics: list[dict[str, float]] = [{} for _ in network.means]
        self.state = {name: t.clone() for name, t in self.learnt().items()}

    def learnt(self) -> dict[str, Tensor]:
        """What prediction needs as it is now, ``(member, …)`` each."""
        buffers = {name: getattr(self._network, name) for name in BUFFERS}
        return {"parameters": self._flat.values, **buffers, **running_buffers(self._network)}

    def hear(self, k: int, metrics: dict[str, float], epoch: int) -> None:
        """Keeps a member as it is now, if this epoch of it, counted from 1, is its best."""
        known = self.metrics[k] and not self._last
        if known and self._rank(metrics) <= self._rank(self.metrics[k]):
            return
        self.metrics[k] = {**metrics, "epoch": float(epoch)}
        learnt = self.learnt()
        for name, kept in self.state.items():
            kept[k] = learnt[name][k]

    def _rank(self, metrics: dict[str, float]) -> tuple[float, float]:
        return metrics[self._score], -metrics["loss"]

    @contextmanager
    def in_place(self) -> Iterator[MultimodalNet]:
        """The network with every member's best epoch in place, for the length of a block."""
        learnt = self.learnt()
        current = {name: tensor.clone() for name, tensor in learnt.items()}
        try:
            for name, tensor in learnt.items():
                tensor.copy_(self.state[name])
            yield self._network
        finally:
            for name, tensor in learnt.items():
                tensor.copy_(current[name])

    def save(self, path: Path, k: int | slice) -> None:
        """Writes weights by parameter name (safetensors): a member's, or several's side by side."""
        parameters = self._flat.named(self.state["parameters"])
        # What encoders took from the training samples never changes.
        learnt = {**self._network.state_dict(), **parameters}
        learnt |= {name: t for name, t in self.state.items() if name != "parameters"}
        write_bytes(path, save({name: t[k].contiguous().cpu() for name, t in learnt.items()}))
