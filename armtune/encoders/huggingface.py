"""A pretrained model of Hugging Face for images, sound or texts, from a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.data.downloads import find, model_folders
from armtune.encoders import Encoder, Frozen
from armtune.encoders.frozen_features import FrozenFeatures
from armtune.encoders.mlp import Mlp
from armtune.errors import DataError, MissingDataError
from armtune.nn.architectures import CONFIG, misfit, preprocessing, read_settings, towers

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init

FILES = (".json", ".safetensors", ".txt", ".model")
"""Ends of the names of files in a model's folder that are read."""


@dataclass(frozen=True)
class FrozenModel(Frozen):
    """A model of which nothing is trained; see the encoder's ``tokens``."""

    tokens: str

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        from armtune.nn.huggingface import load_tower

        return load_tower(self.files[CONFIG].parent, shape, self.tokens == "model")


class HuggingFace(Encoder):
    """A pretrained model, such as a ViT, a wav2vec2 or a BERT, with its own preprocessing.

    Images are from 0 to 1, sound is a wave at the model's own rate, and texts are numbers of the
    model's own tokenizer.
    """

    standardize: ClassVar[bool] = False
    extra = "huggingface"

    name: Literal["huggingface"] = "huggingface"
    path: str = "bert-base-uncased"
    """Folder with ``config.json`` and safetensors, relative to the recipe or ``$ARMTUNE_DATA``, or
    the name of a model that ``armtune fetch`` has brought here."""
    tuning: Literal["frozen", "lora", "last", "full"] = "frozen"
    """What is trained: nothing, so that features are computed once for all trials; low-rank
    adapters beside its linear layers; its last layers; or all weights."""
    tokens: Literal["model", "table"] = "model"
    """How texts are numbered: as the model's tokenizer gives and pads them, or as the data set
    ``table`` does by that tokenizer, without the tokens that begin and end a text."""
    rank: int = Field(8, ge=1)
    """Rank of the adapters."""
    layers: int = Field(1, ge=1)
    """Number of the last layers, or stages of a convolutional network, that ``last`` trains."""
    width: int = Field(0, ge=0)
    """Units of the rectified layers that follow, and features; 0 for the model's own features."""
    depth: int = Field(1, ge=0, le=1000)
    """Number of those layers; 0 for a linear one."""

    @property
    def reads_tokens(self) -> bool:
        try:
            kind = str(read_settings(self.folder, CONFIG).get("model_type"))
        except DataError:  # told where it is needed
            return False
        return all(tower.reads == "text" for tower in towers(kind))

    @property
    def folder(self) -> Path:
        """Where the model lies.

        Raises:
            MissingDataError: it is in no place where it is looked for.
        """
        return find(self.path, model_folders(Path()))

    @property
    def sound_rate(self) -> int | None:
        try:
            told = preprocessing(self.folder).get("sampling_rate")
        except DataError:  # told where it is needed
            return None
        return int(told) if told else None

    def misfit(self, shape: tuple[int, ...]) -> str:
        try:
            kind = read_settings(self.folder, CONFIG).get("model_type")
        except MissingDataError:  # told where it is needed
            return ""
        except DataError as error:
            return f"{self.name}: {error}"
        problem = misfit(str(kind), shape)
        return f"{self.name} {problem}" if problem else ""

    def files(self) -> Mapping[str, Path]:
        folder = self.folder
        read_settings(folder, CONFIG)
        files = sorted(file for ending in FILES for file in folder.glob(f"*{ending}"))
        if not any(file.suffix == ".safetensors" for file in files):
            said = "it has no .safetensors, and pickled weights (.bin, .pt) are never read"
            raise DataError(f"{folder}: no model that can be read ({said})")
        return {file.name: file for file in files}

    def frozen(self) -> Frozen | None:
        if self.tuning != "frozen":
            return None
        return FrozenModel(self._then, self.files(), self.tokens)

    @property
    def _then(self) -> Encoder:
        return Mlp(width=self.width, depth=self.depth) if self.width else FrozenFeatures()

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.frozen import shape_of
        from armtune.nn.huggingface import PerMember, learnable, load_tower
        from armtune.nn.layers import Sequential

        if self.tuning == "frozen":
            return super().build(shape, init)
        self.files()
        tower = load_tower(self.folder, shape, self.tokens == "model").eval()
        features = shape_of(tower, shape)
        tower, trains = self._tuned(tower)
        used = learnable(tower, shape)
        learnt = PerMember(tower, lambda name: name in used and trains(name), init)
        if not self.width:
            return learnt, features[0]
        then, size = self._then.build(features, init)
        return Sequential(learnt, then), size

    def _tuned(self, tower: nn.Module) -> tuple[nn.Module, Callable[[str], bool]]:
        """The model with what is added to it, and which of its parameters are trained."""
        from armtune.nn.huggingface import adapted, last_blocks

        if self.tuning == "lora":
            return adapted(tower, self.rank), lambda name: ".lora_" in name
        if self.tuning == "last":
            beginnings = last_blocks(tower, self.layers)
            return tower, lambda name: name.startswith(beginnings)
        return tower, lambda name: True
