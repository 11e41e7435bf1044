"""AV-MNIST: written digits with most of their energy removed, and spoken digits in noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from armtune.data import Data, Dataset, Progress

Pair = Field(min_length=2, max_length=2)
FULL = (32, 64)


class AvMnist(Data):
    """MNIST images paired by digit with recordings of the Free Spoken Digit Dataset."""

    name: Literal["avmnist"] = "avmnist"
    root: str | None = None
    """Folder of the files; else ``$ARMTUNE_DATA``, else they are downloaded to the cache."""
    split: Literal["recordings", "speakers"] = "recordings"
    """What is kept apart between train, validation and test: recordings, or whole speakers."""
    energy: float = Field(0.25, gt=0, le=1)
    """Share of the images' energy kept by a PCA fitted on training images; 1 keeps all."""
    noise: Literal["none", "white", "babble", "clips"] = "none"
    """Noise in the audio: none, white, babble (other recordings), or clips from ``noise_file``."""
    snr_db: Annotated[list[float], Pair] = [-10.0, 0.0]
    """Lowest and highest signal-to-noise ratio in dB; drawn uniformly for each pair."""
    noise_file: str | None = None
    """An ``.npz`` with clips ``x``, int16 at 8 kHz, and perhaps ``fold``, which keeps clips apart."""
    train_pairs: int = Field(55000, ge=100, le=55000)
    """Training pairs."""
    validation_pairs: int = Field(5000, ge=100, le=5000)
    """Validation pairs."""
    test_pairs: int = Field(10000, ge=100, le=10000)
    """Test pairs."""
    image_size: Literal[28, 14, 7] = 28
    """Side of the images; below 28 they are mean-pooled."""
    spectrogram: Annotated[list[int], Pair] = [32, 64]
    """Mel bands and frames of the spectrograms; below 32 and 64 they are mean-pooled."""
    seed: int = Field(0, ge=0)
    """Seed of pairing and noise."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"snr_db is [lowest, highest], got {self.snr_db}")
        if any(n < 1 or full % n for n, full in zip(self.spectrogram, FULL, strict=True)):
            raise ValueError(f"spectrogram must divide [32, 64], got {self.spectrogram}")
        if self.noise == "clips" and self.noise_file is None:
            raise ValueError("noise: clips needs noise_file, an .npz with the clips")
        return self

    def modalities(self) -> tuple[str, ...]:
        return ("image", "audio")

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        raise NotImplementedError
