"""The embedded stand-in for AV-MNIST: real small digit images and synthesised digit words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from armtune.data import Dataset, Progress
from armtune.data.cache import CacheWriter, digest_of, stored
from armtune.data.energy import strongest
from armtune.data.formats.sound import one_second
from armtune.data.splits import SPLITS
from armtune.datasets import Data
from armtune.datasets._digit_pairs import BUILDER, add_pairs, as_dataset, reduced
from armtune.datasets._noise import SnrRange, noise_of, noise_words, spectrograms
from armtune.datasets._synthetic_voice import Voice, say, voices

IMAGE, SPECTROGRAM = (8, 8), (16, 16)
SIZES = {"train": 1197, "validation": 300, "test": 300}
VOICES = 10


class AvDigits(Data):
    """Scikit-learn's 1,797 handwritten digits with synthesised digit words; needs no files."""

    name: Literal["avdigits"] = "avdigits"
    voices: Literal["shared", "apart"] = "shared"
    """Whether the splits share ten synthetic voices, or have six, two and two of their own."""
    energy: float = Field(0.6, gt=0, le=1)
    """Share of the images' energy kept by a PCA fitted on training images; 1 keeps all."""
    noise: Literal["none", "white", "babble"] = "babble"
    """Noise in the audio: none, white, or babble (other utterances of the same split)."""
    snr_db: SnrRange = Field([-8.0, 2.0])
    """Lowest and highest signal-to-noise ratio in dB; drawn uniformly for each pair."""
    seed: int = Field(0, ge=0)
    """Seed of the split, the utterances and the noise."""

    def modalities(self) -> tuple[str, ...]:
        return ("image", "audio")

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        options = self.model_dump(exclude={"otherwise"})
        digest = digest_of({"builder": BUILDER, "options": options})
        built = stored(self.name, digest, lambda writer: self._build(writer, progress))
        return as_dataset(self.name, self._describe(built[1]), built, modalities, digest)

    def _build(self, writer: CacheWriter, progress: Progress) -> dict[str, Any]:
        pixels, labels = _digits()
        order = np.random.default_rng(self.seed).permutation(len(labels))
        ends = np.cumsum(list(SIZES.values()))[:-1]
        rows = dict(zip(SPLITS, np.split(order, ends), strict=True))
        projection = strongest(pixels[rows["train"]], self.energy)
        for number, split in enumerate(SPLITS):
            rng = np.random.default_rng([self.seed, number])
            own, speakers = labels[rows[split]], self._voices(split)
            spoken = [say(digit, speakers[rng.integers(len(speakers))], rng) for digit in own]
            waves = np.stack([one_second(wave) for wave in spoken])
            noise = noise_of(self.noise, waves)
            each = np.arange(len(own))
            audio = spectrograms(waves, each, noise, self.snr_db, SPECTROGRAM, rng)
            images = reduced(pixels[rows[split]], projection, IMAGE)
            add_pairs(writer, split, images, audio, own, progress)
        return {"components": len(projection.components), "kept": projection.kept}

    def _voices(self, split: str) -> list[Voice]:
        everyone = voices(VOICES)
        if self.voices == "shared":
            return everyone
        # Voices go from low to high: each split gets some of both.
        held_out = {1: "validation", 3: "test"}
        return [v for i, v in enumerate(everyone) if held_out.get(i % 5, "train") == split]

    def _describe(self, about: Mapping[str, Any]) -> str:
        return (
            f"avdigits: scikit-learn's digit images with {about['components']} principal "
            f"components ({about['kept']:.0%} of the energy), synthesised digit words, voices "
            f"{self.voices}, {noise_words(self.noise, self.snr_db)}; "
            f"{' + '.join(str(size) for size in SIZES.values())} pairs"
        )


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The images ``(n, pixel)``, brought to 0 … 255 from 0 … 16, and their labels."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return np.round(pixels * (255 / 16)).astype(np.uint8), labels.astype(np.int64)
