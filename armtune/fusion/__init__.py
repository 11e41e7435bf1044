"""Fusion: from the modalities' features to one output a sample. One file a fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from armtune.plugins.options import Options

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Fusion(Options):
    """Options of a fusion and how to build it."""

    name: str

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        """A module from ``{modality: (member, sample, feature)}`` to ``(member, sample, output)``.

        Args:
            sizes: number of features of each modality, in the recipe's order.
            classes: numbers of an output: of classes a logit each.
        """
        raise NotImplementedError
