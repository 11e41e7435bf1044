"""What a training costs its process, by the clock; a pack's members share what it takes."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Seconds:
    """Seconds of a worker that went into a training.

    Attributes:
        begin: reading data, features of frozen encoders, building networks, measuring packs.
        train: steps, and writing checkpoints.
        validate: judging epochs.
    """

    begin: float = 0.0
    train: float = 0.0
    validate: float = 0.0

    @property
    def training(self) -> float:
        """Those of the training itself."""
        return self.train + self.validate

    def __add__(self, other: Seconds) -> Seconds:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Seconds(*(mine + yours for mine, yours in pairs))

    def shared(self, among: int) -> Seconds:
        """The share of each of so many."""
        return Seconds(*(own / among for own in astuple(self)))
