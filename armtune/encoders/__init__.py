"""Encoders: from one modality's samples to features. One file an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from armtune.data.standardize import Scaling
from armtune.plugins.options import Options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from armtune.nn.layers import Init


@dataclass(frozen=True)
class Frozen:
    """The first part of an encoder, where that learns nothing: a function of one sample.

    What it gives of a data set is computed once and kept in the cache. Trainings see only that,
    standardised as any vector is; the part itself goes into what is exported.

    Subclasses add the options that its features depend on as fields, in JSON's types.

    Attributes:
        then: the encoder of what it gives, which is what learns; ``frozen_features`` for nothing.
        files: what it is read from, by the names that bundles give to copies.
    """

    code: ClassVar[int] = 1
    """Raised whenever the same files and options give other features."""

    then: Encoder = field(compare=False)
    files: Mapping[str, Path]

    def build(self, shape: tuple[int, ...]) -> nn.Module:
        """The module, from ``(sample, *shape)`` to ``(sample, …)`` of any shape.

        It is judged by, never trained: ``nn.frozen`` makes its weights buffers.

        Raises:
            ValueError: its files don't serve; says why.
            DataError: they can't be read.
        """
        raise NotImplementedError

    def whole(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        """Both parts as one module with a member axis; see ``Encoder.build``.

        For samples that differ from epoch to epoch, as augmented ones do. Nothing is scaled
        between the parts.
        """
        from armtune.nn.frozen import ForMembers, shape_of
        from armtune.nn.layers import Sequential

        first = ForMembers(self.build(shape), init.dtype)
        learnt, size = self.then.build(shape_of(first.module, shape, init.dtype), init)
        return Sequential(first, learnt), size


class Encoder(Options):
    """Options of an encoder and how to build it.

    One that is made from files names them, or their folder, by an option ``path``.
    """

    standardize: ClassVar[bool] = True
    """Whether samples are brought to mean 0 and standard deviation 1 before they are encoded."""
    tokenized: ClassVar[bool] = False
    """Whether it reads numbers of a tokenizer's tokens, not of a vocabulary's words."""

    name: str

    @property
    def scaling(self) -> Scaling:
        """How samples are scaled before they are encoded (see ``data.standardize``)."""
        return "standardized" if self.standardize else "unchanged"

    @property
    def sound_rate(self) -> int | None:
        """Samples a second of the waves that it reads; None where that is all the same."""
        return None

    @property
    def reads_tokens(self) -> bool:
        """Whether samples are token numbers, of which 0 is padding."""
        return self.tokenized

    def misfit(self, shape: tuple[int, ...]) -> str:
        """Why this encoder can't read samples of a shape, and which it can; empty when it can.

        Asked before anything is built, without torch.
        """
        return ""

    def frozen(self) -> Frozen | None:
        """Its first part, if that learns nothing: features are then computed once for a data set.

        Raises:
            DataError: the files that it is made from aren't there.
        """
        return None

    def files(self) -> Mapping[str, Path]:
        """What it is made from, by the names that bundles give to copies.

        Raises:
            DataError: they aren't there.
        """
        return {}

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        """The module, from ``(member, sample, *shape)`` to ``(member, sample, feature)``, and the
        number of features, for a shape that isn't a misfit.

        One whose first part is frozen needn't define it.

        Raises:
            ValueError: files that the encoder is made from don't serve; says why.
            DataError: they can't be read.
        """
        part = self.frozen()
        if part is None:
            raise NotImplementedError
        return part.whole(shape, init)

    def fit(
        self, module: nn.Module, view: NDArray[np.float32], present: NDArray[np.bool_] | None
    ) -> None:
        """Sets the module's buffers by the training samples; as a rule it has none.

        Args:
            module: what ``build`` made. Buffers that prediction needs are persistent ones.
            view: ``(sample, *shape)``, as the data set gives them.
            present: which samples have the modality; None for all.
        """

    def adapt(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of a file of weights, by name, as this encoder's parameters; as they are here.

        Each has its parameter's name and shape, without the member axis.
        """
        return tensors
