"""The embedded stand-in for AV-MNIST: real small digit images and synthesised digit words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from armtune.data import Data, Dataset, Progress


class AvDigits(Data):
    """Scikit-learn's 1,797 handwritten digits paired with synthesised digit words; no files needed."""

    name: Literal["avdigits"] = "avdigits"
    voices: Literal["shared", "apart"] = "shared"
    """Whether the splits share the synthetic voices, or each has its own."""
    energy: float = Field(0.5, gt=0, le=1)
    """Share of the images' energy kept by a PCA fitted on training images; 1 keeps all."""
    noise: Literal["none", "white", "babble"] = "babble"
    """Noise in the audio: none, white, or babble (other utterances of the same split)."""
    snr_db: Annotated[list[float], Field(min_length=2, max_length=2)] = [-10.0, 0.0]
    """Lowest and highest signal-to-noise ratio in dB; drawn uniformly for each pair."""
    seed: int = Field(0, ge=0)
    """Seed of the split, the voices, the pairing and the noise."""

    def modalities(self) -> tuple[str, ...]:
        return ("image", "audio")

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        raise NotImplementedError
