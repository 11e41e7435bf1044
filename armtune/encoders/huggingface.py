"""A pretrained text encoder of the Hugging Face Hub, from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.data.downloads import data_folders, find
from armtune.encoders import Encoder

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


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

    @property
    def reads_tokens(self) -> bool:
        return True

    def misfit(self, shape: tuple[int, ...]) -> str:
        return "" if len(shape) == 1 else f"{self.name} reads token numbers (token,), not {shape}"

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.huggingface import PretrainedEncoder, load_model

        folder = find(self.path, [Path(), *data_folders(None, Path())])
        model = load_model(folder, self.tuning, self.rank)
        longest = getattr(model.config, "max_position_embeddings", None) or shape[0]
        if shape[0] > longest:
            raise ValueError(f"huggingface: {self.path} reads {longest} tokens, not {shape[0]}")
        return PretrainedEncoder(model, self.tuning, init), model.config.hidden_size
