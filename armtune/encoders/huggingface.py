"""A pretrained text encoder of the Hugging Face Hub, from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from armtune.data.downloads import data_folders, find
from armtune.encoders import Encoder, Frozen
from armtune.encoders.frozen_features import FrozenFeatures
from armtune.encoders.mlp import Mlp
from armtune.errors import DataError

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


CONFIG = "config.json"
FILES = (".json", ".safetensors", ".txt", ".model")
"""Ends of the names of files in a model's folder that are read."""


@dataclass(frozen=True)
class FrozenModel(Frozen):
    """A model of which nothing is trained."""

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        from armtune.nn.huggingface import MeanStates, load_model

        folder = self.files[CONFIG].parent
        model = load_model(folder)
        check_length(model, folder.name, shape)
        return MeanStates(model)


class HuggingFace(Encoder):
    """A pretrained text encoder such as BERT: the mean of the last layer's states.

    Samples are the numbers that the model's own tokenizer gives, padded as it pads.
    """

    standardize: ClassVar[bool] = False
    extra = "huggingface"

    name: Literal["huggingface"] = "huggingface"
    path: str = "bert-base-uncased"
    """Folder with ``config.json`` and safetensors, relative to the recipe or ``$ARMTUNE_DATA``."""
    tuning: Literal["frozen", "lora", "full"] = "frozen"
    """What is trained: nothing, low-rank adapters beside its linear layers, or all weights."""
    rank: int = Field(8, ge=1)
    """Rank of the adapters."""
    width: int = Field(0, ge=0)
    """Units of the rectified layers that follow, and features; 0 for the model's own features."""
    depth: int = Field(1, ge=0, le=1000)
    """Number of those layers; 0 for a linear one."""

    @property
    def reads_tokens(self) -> bool:
        return True

    def misfit(self, shape: tuple[int, ...]) -> str:
        return "" if len(shape) == 1 else f"{self.name} reads token numbers (token,), not {shape}"

    @property
    def folder(self) -> Path:
        """Where the model lies.

        Raises:
            MissingDataError: it is in no place where it is looked for.
        """
        return find(self.path, [Path(), *data_folders(None, Path())])

    def files(self) -> Mapping[str, Path]:
        folder = self.folder
        if not (folder / CONFIG).is_file():
            raise DataError(f"{folder}: holds no {CONFIG}, so no model of Hugging Face")
        files = sorted(file for ending in FILES for file in folder.glob(f"*{ending}"))
        return {file.name: file for file in files}

    def frozen(self) -> Frozen | None:
        if self.tuning != "frozen":
            return None
        return FrozenModel(self._then, self.files())

    @property
    def _then(self) -> Encoder:
        if not self.width:
            return FrozenFeatures()
        return Mlp(width=self.width, depth=self.depth)

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.huggingface import PretrainedEncoder, adapted, load_model
        from armtune.nn.layers import Sequential

        if self.tuning == "frozen":
            return super().build(shape, init)
        model = load_model(self.folder)
        check_length(model, self.path, shape)
        if self.tuning == "lora":
            model = adapted(model, self.rank)
        first = PretrainedEncoder(model, self.tuning, init)
        if not self.width:
            return first, model.config.hidden_size
        then, size = self._then.build((model.config.hidden_size,), init)
        return Sequential(first, then), size


def check_length(model: Any, name: str, shape: tuple[int, ...]) -> None:
    """Refuses texts that are longer than the model reads."""
    longest = getattr(model.config, "max_position_embeddings", None) or shape[0]
    if shape[0] > longest:
        raise ValueError(f"huggingface: {name} reads {longest} tokens, not {shape[0]}")
