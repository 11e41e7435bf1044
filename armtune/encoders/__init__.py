"""Encoders: from one modality's samples to features. One file an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from armtune.data.standardize import Scaling
from armtune.plugins.options import Options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from armtune.nn.layers import Init


class Encoder(Options):
    """Options of an encoder and how to build it."""

    standardize: ClassVar[bool] = True
    """Whether samples are brought to mean 0 and standard deviation 1 before they are encoded."""

    name: str

    @property
    def scaling(self) -> Scaling:
        """How samples are scaled before they are encoded (see ``data.standardize``)."""
        return "standardized" if self.standardize else "unchanged"

    @property
    def reads_tokens(self) -> bool:
        """Whether samples are token numbers, of which 0 is padding."""
        return False

    def misfit(self, shape: tuple[int, ...]) -> str:
        """Why this encoder can't read samples of a shape, and which it can; empty when it can.

        Asked before anything is built, without torch.
        """
        return ""

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        """The module, from ``(member, sample, *shape)`` to ``(member, sample, feature)``, and the
        number of features, for a shape that isn't a misfit.

        Raises:
            ValueError: files that the encoder is made from don't serve; says why.
        """
        raise NotImplementedError

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
