"""Pretrained vectors of tokens, averaged over a text, and a perceptron on their mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.data.downloads import data_folders, find
from armtune.encoders import Encoder
from armtune.errors import DataError

if TYPE_CHECKING:
    pass

FILE = "model.safetensors"
PICKLES = (".bin", ".pt", ".pth", ".pkl")


class StaticEmbeddings(Encoder):
    """Mean of the tokens' pretrained vectors, and a perceptron: good text features on a CPU.

    For token numbers of the tokenizer that the vectors belong to, see ``data.tokenizers``. Numbers
    count from 1; 0 is padding and takes no part.
    """

    standardize: ClassVar[bool] = False
    extra = "text"

    name: Literal["static_embeddings"] = "static_embeddings"
    path: str = "potion-base-8M"
    """File of vectors in safetensors, as model2vec and wordllama have them, or folder with a
    ``model.safetensors``, relative to the recipe or ``$ARMTUNE_DATA``."""
    tuning: Literal["frozen", "full"] = "frozen"
    """Whether the vectors stay as they are or are trained too."""
    width: int = Field(64, ge=1)
    """Units a layer, and features."""
    depth: int = Field(1, ge=0, le=1000)
    """Number of rectified layers after the mean; 0 for a single linear layer."""

    def misfit(self, shape: tuple[int, ...]) -> str:
        return "" if len(shape) == 1 else f"{self.name} reads token numbers (token,), not {shape}"

    @property
    def vectors(self) -> Path:
        """The file of vectors.

        Raises:
            DataError: it is in no place where it is looked for; or its folder has none.
        """
        path = find(self.path, [Path(), *data_folders(None, Path())])
        if not path.is_dir():
            return path
        if (path / FILE).is_file():
            return path / FILE
        pickles = [file.name for file in sorted(path.iterdir()) if file.suffix in PICKLES]
        why = f"; {pickles[0]} may be a pickle, and isn't read" if pickles else ""
        raise DataError(f"{path}: has no {FILE}{why}")
