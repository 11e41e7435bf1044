"""Pretrained vectors of tokens, averaged over a text, and a perceptron on their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from armtune.data.downloads import find, model_folders
from armtune.data.rows import chunks
from armtune.encoders import Encoder, Frozen
from armtune.encoders.mlp import Mlp
from armtune.errors import DataError
from armtune.nn.vector_files import FILE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from armtune.nn.layers import Init

PICKLES = (".bin", ".pt", ".pth", ".pkl")


@dataclass(frozen=True)
class FrozenVectors(Frozen):
    """The mean of vectors that aren't trained."""

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        from armtune.nn.static_embeddings import MeanVectors, read_vectors

        path = self.files[FILE]
        return MeanVectors(read_vectors(path), path)


class StaticEmbeddings(Encoder):
    """Mean of the tokens' pretrained vectors, and a perceptron: good text features on a CPU.

    For token numbers of the tokenizer that the vectors belong to, see ``data.tokenizers``. Numbers
    count from 1; 0 is padding and takes no part.
    """

    standardize: ClassVar[bool] = False
    tokenized: ClassVar[bool] = True
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
        path = find(self.path, model_folders(Path()))
        if not path.is_dir():
            return path
        if (path / FILE).is_file():
            return path / FILE
        pickles = [file.name for file in sorted(path.iterdir()) if file.suffix in PICKLES]
        why = f"; {pickles[0]} may be a pickle, and isn't read" if pickles else ""
        raise DataError(f"{path}: has no {FILE}{why}")

    @property
    def then(self) -> Encoder:
        """What reads the mean."""
        return Mlp(width=self.width, depth=self.depth)

    def files(self) -> Mapping[str, Path]:
        return {FILE: self.vectors}

    def frozen(self) -> Frozen | None:
        return FrozenVectors(self.then, self.files()) if self.tuning == "frozen" else None

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        from armtune.nn.layers import Sequential
        from armtune.nn.static_embeddings import TrainedVectors, read_vectors

        if self.tuning == "frozen":
            return super().build(shape, init)
        first = TrainedVectors(read_vectors(self.vectors), init)
        then, size = self.then.build((first.token_width,), init)
        return Sequential(first, then), size

    def fit(
        self, module: nn.Module, view: NDArray[np.float32], present: NDArray[np.bool_] | None
    ) -> None:
        from armtune.nn.static_embeddings import TrainedVectors, check_numbers

        first = next(module.children())
        assert isinstance(first, TrainedVectors), "what build made of what is trained"
        highest = max((float(part.max()) for part in chunks(view, present) if part.size), default=0)
        check_numbers(highest, first.vocabulary, self.vectors)
