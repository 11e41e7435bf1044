"""Which pretrained models of Hugging Face are read, and how. Imports nothing that is slow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from armtune.errors import DataError

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
"""The same and a tokenizer's in one, as newer versions of transformers write it."""

Reads = Literal["images", "sound", "text"]
SHAPES: dict[Reads, str] = {
    "images": "images (3, height, width)",
    "sound": "sound (time,)",
    "text": "token numbers (token,)",
}
"""What messages call the samples that a model reads."""


@dataclass(frozen=True)
class Architecture:
    """A kind of model.

    Attributes:
        reads: what samples are.
        model: its class in transformers.
        features: what its features are: its own ``pooled`` output, the state of the ``first``
            token, or the ``mean`` of the states.
        inputs: what makes its inputs of samples: a class of ``nn.model_inputs``; none of texts.
        part: the attribute of the model that is taken; empty for all of it.
    """

    reads: Reads
    model: str
    features: Literal["pooled", "first", "mean"]
    inputs: str = ""
    part: str = ""

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether samples of a shape can be what it reads."""
        if self.reads != "images":
            return len(shape) == 1
        return len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))


def _images(
    model: str, features: Literal["pooled", "first"] = "pooled", part: str = ""
) -> Architecture:
    return Architecture("images", model, features, "Pictures", part)


def _waves(model: str) -> Architecture:
    return Architecture("sound", model, "mean", "Waves")


ARCHITECTURES: dict[str, tuple[Architecture, ...]] = {
    "audio-spectrogram-transformer": (Architecture("sound", "ASTModel", "pooled", "AstSpectra"),),
    "clip": (
        _images("CLIPModel", part="vision_model"),
        Architecture("text", "CLIPModel", "pooled", part="text_model"),
    ),
    "clip_text_model": (Architecture("text", "CLIPTextModel", "pooled"),),
    "clip_vision_model": (_images("CLIPVisionModel"),),
    "convnext": (_images("ConvNextModel"),),
    "convnextv2": (_images("ConvNextV2Model"),),
    "deit": (_images("DeiTModel", "first"),),
    "dinov2": (_images("Dinov2Model"),),
    "hubert": (_waves("HubertModel"),),
    "resnet": (_images("ResNetModel"),),
    "siglip": (_images("SiglipModel", part="vision_model"),),
    "siglip_vision_model": (_images("SiglipVisionModel"),),
    "vit": (_images("ViTModel", "first"),),
    "wav2vec2": (_waves("Wav2Vec2Model"),),
    "wavlm": (_waves("WavLMModel"),),
    "whisper": (Architecture("sound", "WhisperModel", "mean", "WhisperSpectra", "encoder"),),
}
"""By ``model_type`` in a model's configuration; of several towers the one that fits a shape."""
TEXT = Architecture("text", "AutoModel", "mean")
"""Of any other model: encoders of tokens such as BERT are many, and alike."""
KNOWN = f"{', '.join(ARCHITECTURES)}, and encoders of tokens such as bert"


def read_settings(folder: Path, name: str) -> dict[str, Any]:
    """One of a model's JSON files.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{folder}: holds no {name}, so no model of Hugging Face") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{folder / name}: can't be read: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{folder / name}: must hold a mapping")
    return found


def preprocessing(folder: Path) -> dict[str, Any]:
    """How a model's inputs are made of images or sound.

    Raises:
        DataError: its files don't say, or are damaged.
    """
    if (folder / PREPROCESSOR).is_file():
        return read_settings(folder, PREPROCESSOR)
    if (folder / PROCESSOR).is_file():
        whole = read_settings(folder, PROCESSOR)
        for part in ("image_processor", "feature_extractor"):
            if isinstance(whole.get(part), dict):
                return dict(whole[part])
    raise DataError(
        f"{folder}: holds no {PREPROCESSOR}: how the model's inputs are made isn't known"
    )


def towers(model_type: str) -> tuple[Architecture, ...]:
    """The parts of a kind of model that can be read, each by itself."""
    return ARCHITECTURES.get(model_type, (TEXT,))


def misfit(model_type: str, shape: tuple[int, ...]) -> str:
    """Why no part of a model reads samples of a shape; empty where one does."""
    known = towers(model_type)
    if any(tower.fits(shape) for tower in known):
        return ""
    return f"reads {' or '.join(SHAPES[tower.reads] for tower in known)}, not {shape}"
