"""AV-MNIST: written digits with most of their energy removed, and spoken digits in noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from armtune.data import Dataset, Progress
from armtune.data.cache import CacheWriter, digest_of, file_digest, stored
from armtune.data.downloads import Source, check_sha256, data_folders, find, locate
from armtune.data.energy import strongest
from armtune.data.formats.fsdd import check_archive, read_recordings
from armtune.data.formats.idx import read_idx
from armtune.data.formats.sound import BANDS, FRAMES
from armtune.data.splits import SPLITS
from armtune.datasets import Data
from armtune.datasets._digit_pairs import BUILDER, add_pairs, as_dataset, partners, reduced
from armtune.datasets._noise import SnrRange, noise_of, noise_words, read_clips, spectrograms

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST_SHA256 = {
    "train-images-idx3": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
FSDD_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip"


def _mnist_source(stem: str, sha256: str) -> Source:
    name = f"{stem}-ubyte.gz"
    urls = tuple(mirror + name for mirror in MIRRORS)
    return Source(name, "mnist", urls, partial(check_sha256, expected=sha256))


SOURCES = (
    *(_mnist_source(stem, sha256) for stem, sha256 in MNIST_SHA256.items()),
    Source("fsdd.zip", "", (FSDD_URL,), check_archive),
)

HELD_OUT = 5000
"""MNIST training images kept for validation."""

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images ``(n, pixel)`` and their labels ``(n,)``."""


def _divides(size: list[int]) -> list[int]:
    if any(n < 1 or full % n for n, full in zip(size, (BANDS, FRAMES), strict=True)):
        raise ValueError(f"should divide [{BANDS}, {FRAMES}] evenly, got {size}")
    return size


Size = Annotated[list[int], Field(min_length=2, max_length=2), AfterValidator(_divides)]


class AvMnist(Data):
    """MNIST images paired by digit with recordings of the Free Spoken Digit Dataset."""

    paths = ("root", "noise_file")

    name: Literal["avmnist"] = "avmnist"
    root: str | None = None
    """Folder of the files; else ``$ARMTUNE_DATA``, else they are downloaded to the cache."""
    split: Literal["recordings", "speakers"] = "recordings"
    """What is kept apart between train, validation and test: recordings, or whole speakers."""
    energy: float = Field(0.25, gt=0, le=1)
    """Share of the images' energy kept by a PCA fitted on training images; 1 keeps all."""
    noise: Literal["none", "white", "babble", "clips"] = "none"
    """Noise in the audio: none, white, babble (other recordings), or clips from ``noise_file``."""
    snr_db: SnrRange = Field([-10.0, 0.0])
    """Lowest and highest signal-to-noise ratio in dB; drawn uniformly for each pair."""
    noise_file: str | None = None
    """An ``.npz`` of clips ``x`` (int16, 8 kHz) and perhaps ``fold``, which keeps clips apart."""
    train_pairs: int = Field(55000, ge=100, le=55000)
    """Training pairs."""
    validation_pairs: int = Field(5000, ge=100, le=HELD_OUT)
    """Validation pairs."""
    test_pairs: int = Field(10000, ge=100, le=10000)
    """Test pairs."""
    image_size: Literal[28, 14, 7] = 28
    """Side of the images; below 28 they are mean-pooled."""
    spectrogram: Size = Field([BANDS, FRAMES])
    """Mel bands and frames of the spectrograms; below 32 and 64 they are mean-pooled."""
    seed: int = Field(0, ge=0)
    """Seed of pairing and noise."""

    @model_validator(mode="after")
    def _clips_have_a_file(self) -> Self:
        if self.noise == "clips" and self.noise_file is None:
            raise ValueError("noise: clips needs noise_file, an .npz with the clips")
        return self

    def modalities(self) -> tuple[str, ...]:
        return ("image", "audio")

    def read(self, modalities: Sequence[str], folder: Path, progress: Progress) -> Dataset:
        files = locate(SOURCES, self.root, folder, progress)
        if self.noise == "clips":
            assert self.noise_file is not None, "validated"
            files["clips"] = find(self.noise_file, [folder, *data_folders(self.root, folder)])
        digest = self._digest(files)
        built = stored(self.name, digest, lambda writer: self._build(files, writer, progress))
        return as_dataset(self.name, self._describe(built[1]), built, modalities, digest)

    def _digest(self, files: Mapping[str, Path]) -> str:
        options = self.model_dump(exclude={"root", "otherwise", "noise_file"})
        contents = {name: file_digest(path) for name, path in files.items()}
        return digest_of({"builder": BUILDER, "options": options, "files": contents})

    def _build(
        self, files: Mapping[str, Path], writer: CacheWriter, progress: Progress
    ) -> dict[str, Any]:
        images = self._images(files)
        recordings = read_recordings(files["fsdd.zip"])
        recorded = read_clips(files["clips"], SPLITS) if "clips" in files else {}
        projection = strongest(images["train"][0], self.energy)
        for number, split in enumerate(SPLITS):
            rng = np.random.default_rng([self.seed, number])
            pixels, labels = images[split]
            spoken = recordings.part(self.split, split)
            own = partners(labels, spoken.digits, rng)
            noise = noise_of(self.noise, spoken.waves, recorded.get(split))
            size = (self.spectrogram[0], self.spectrogram[1])
            audio = spectrograms(spoken.waves, own, noise, self.snr_db, size, rng)
            written = reduced(pixels, projection, (self.image_size, self.image_size))
            add_pairs(writer, split, written, audio, labels, progress)
        return {"components": len(projection.components), "kept": projection.kept}

    def _images(self, files: Mapping[str, Path]) -> dict[str, Images]:
        """The images of each split; each is used once at most."""
        rng = np.random.default_rng(self.seed)
        pixels, labels = _mnist(files, "train")
        test_pixels, test_labels = _mnist(files, "t10k")
        order = rng.permutation(len(labels))
        held_out = order[:HELD_OUT][: self.validation_pairs]
        train = order[HELD_OUT:][: self.train_pairs]
        test = rng.permutation(len(test_labels))[: self.test_pairs]
        return {
            "train": (pixels[train], labels[train]),
            "validation": (pixels[held_out], labels[held_out]),
            "test": (test_pixels[test], test_labels[test]),
        }

    def _describe(self, about: Mapping[str, Any]) -> str:
        return (
            f"AV-MNIST: MNIST images with {about['components']} principal components "
            f"({about['kept']:.0%} of the energy), FSDD recordings split by {self.split}, "
            f"{noise_words(self.noise, self.snr_db)}; "
            f"{self.train_pairs} + {self.validation_pairs} + {self.test_pairs} pairs"
        )


def _mnist(files: Mapping[str, Path], part: str) -> Images:
    pixels = read_idx(files[f"{part}-images-idx3-ubyte.gz"], 3)
    labels = read_idx(files[f"{part}-labels-idx1-ubyte.gz"], 1)
    return pixels.reshape(len(pixels), -1), labels.astype(np.int64)
