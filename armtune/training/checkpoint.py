"""One member between two updates of its training: what a checkpoint holds, a pack takes over."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from armtune.errors import RunError
from armtune.files import write_bytes
from armtune.training.settings import OtherSettingsError


@dataclass(frozen=True)
class Member:
    """All that a training knows of one member.

    Attributes:
        epoch: number of epochs done.
        best: metrics of its best epoch.
        diverged: why it stopped; empty while it is sound.
        tensors: weights, optimizer state and the balancing method's, without the member axis.
        step: number of steps done of the next epoch.
    """

    epoch: int
    best: dict[str, float]
    diverged: str
    tensors: dict[str, Tensor]
    step: int = 0

    def on_host(self) -> Member:
        """The same in the host's memory, where other processes don't need this one's device."""
        return replace(self, tensors={name: t.cpu() for name, t in self.tensors.items()})

    def save(self, path: Path, settings: str) -> None:
        """Writes it (safetensors).

        Args:
            settings: digest of those that it was trained with.
        """
        about = {
            "settings": settings,
            "epoch": self.epoch,
            "best": self.best,
            "diverged": self.diverged,
            "step": self.step,
        }
        tensors = {name: t.contiguous() for name, t in self.on_host().tensors.items()}
        write_bytes(path, save(tensors, {"member": json.dumps(about)}))

    @staticmethod
    def load(path: Path, settings: str, unsigned: bool = False) -> Member:
        """Reads what ``save`` wrote.

        Args:
            unsigned: whether one will do that was written before checkpoints named their settings.

        Raises:
            RunError: the file is damaged.
            OtherSettingsError: it was written with other settings.
        """
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()["member"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            _check(about)
            found = about.get("settings")
            read = Member(about["epoch"], about["best"], about["diverged"], tensors, about["step"])
        except Exception as error:  # safetensors has errors of its own
            raise RunError(f"not a checkpoint of this training: {error}") from error
        if found != settings and not (unsigned and found is None):
            why = "it was written with other settings, other data or older code"
            raise OtherSettingsError(f"not a checkpoint of this training: {why}")
        return read


def _check(about: dict[str, Any]) -> None:
    """Refuses what no training says of itself."""
    counts = [about["epoch"], about["step"]]
    numbers = all(type(value) in (int, float) for value in about["best"].values())
    sound = all(type(n) is int and n >= 0 for n in counts) and isinstance(about["diverged"], str)
    if not numbers or not sound:
        raise ValueError("what it says of its training can't be")
