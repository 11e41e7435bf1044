"""How files of images, films, sound and arrays become samples: the options that data sets share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from numpy.typing import NDArray
from pydantic import Field

from armtune.data.formats.media import Kind, Shape, decode
from armtune.datasets import Data

Size = Annotated[int, Field(ge=4, le=512)]


class Decoded(Data):
    """Options of a data set some of whose samples are files."""

    image_size: int = Field(64, ge=8, le=512)
    """Side of images and frames, which are scaled and cut square."""
    frames: int = Field(3, ge=1, le=64)
    """Frames of a video, taken evenly over its length."""
    sound: Literal["spectrogram", "wave"] = "spectrogram"
    """What sound becomes: a log-mel spectrogram, or the wave itself, as pretrained models read."""
    spectrogram: tuple[Size, Size] = (64, 128)
    """Mel bands and time steps of the sound."""
    seconds: float = Field(10.0, gt=0, le=60)
    """Of sound: the middle of longer recordings, silence around shorter ones."""
    rate: int = Field(16000, ge=4000, le=48000)
    """Samples a second that the sound is brought to."""
    damaged: Literal["error", "skip"] = "error"
    """What a sample with a damaged file is: an error, or left out, counted and named."""

    def file(self, path: Path, kind: Kind) -> NDArray[Any]:
        """A file as an array, uint8 (0 to 255) or float32.

        Raises:
            DamagedPictureError, DamagedMediaError: it is missing or damaged; names it.
        """
        spectrogram = self.spectrogram if self.sound == "spectrogram" else None
        shape = Shape(self.image_size, self.frames, spectrogram, self.seconds, self.rate)
        return decode(path, kind, shape)
