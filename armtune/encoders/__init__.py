"""Encoders: from one modality's samples to features. One file an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from armtune.options import Options

if TYPE_CHECKING:
    from torch import nn

    from armtune.layers import Init


class Encoder(Options):
    """Options of an encoder and how to build it."""

    name: str

    def build(self, shape: tuple[int, ...], init: Init) -> tuple[nn.Module, int]:
        """The module, from ``(member, sample, *shape)`` to ``(member, sample, feature)``, and the
        number of features.

        Raises:
            ValueError: this encoder can't read samples of this shape; says which it can.
        """
        raise NotImplementedError
