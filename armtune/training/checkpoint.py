"""One member between two updates of its training: what a checkpoint holds, a pack takes over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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

    def apart(self, folds: int) -> list[Member]:
        """The members of a trial with so many folds, of which this one is made.

        Raises:
            RunError: it is of another number of folds.
        """
        if any(t.dim() == 0 or len(t) != folds for t in self.tensors.values()):
            raise RunError(f"not a checkpoint of a training with {folds} folds")
        parts = [{name: t[k] for name, t in self.tensors.items()} for k in range(folds)]
        return [replace(self, best=dict(self.best), tensors=own) for own in parts]

    def write_to(self, state: Mapping[str, Tensor], k: int) -> None:
        """Sets the ``k``-th member's part of a run's tensors.

        Raises:
            RunError: this one lacks one, or has it in another shape.
        """
        try:
            for name, tensor in state.items():
                tensor[k].copy_(self.tensors[name].view(tensor[k].shape))
        except (KeyError, RuntimeError) as error:
            raise RunError(f"not a checkpoint of this training: {error}") from error

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


class Resumable:
    """A pack of trainings that files can be made of, and that goes on from such files.

    Attributes:
        settings: digest of each training's settings and data.
    """

    settings: list[str]

    def member(self, k: int) -> Member:
        """A copy of all that one training is."""
        raise NotImplementedError

    def adopt(self, k: int, member: Member) -> None:
        """Lets a training go on from the epoch's start where another one left it."""
        raise NotImplementedError

    def take_up(self, members: Sequence[Member]) -> bool:
        """Lets all trainings go on in the middle of an epoch, and says whether they do."""
        raise NotImplementedError

    def save(self, path: Path, k: int = 0) -> None:
        """Writes everything that a restored training needs to go on as if never stopped."""
        self.member(k).save(path, self.settings[k])

    def restore(self, path: Path, k: int = 0, unsigned: bool = False) -> None:
        """Lets training ``k`` go on from a checkpoint of the same recipe (see ``Member.load``).

        Raises:
            RunError: the checkpoint is damaged or of another program (OtherSettingsError: recipe).
        """
        try:
            self.adopt(k, Member.load(path, self.settings[k], unsigned))
        except RunError as error:
            raise type(error)(f"{path}: {error}") from error

    def resume(self, paths: Sequence[Path]) -> bool:
        """As ``take_up``, from a checkpoint of each training."""
        return self.take_up([Member.load(*pair) for pair in zip(paths, self.settings, strict=True)])
