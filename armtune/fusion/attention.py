r"""Attention bottlenecks: modalities speak to each other through a few shared tokens only.

Nagrani et al., Attention Bottlenecks for Multimodal Fusion (NeurIPS 2021). Each modality's feature
vector is one token :math:`z_m`; in each layer it attends to itself and to the bottleneck's tokens
:math:`b`, which the modalities then average:

.. math::
    [z_m, b_m] \leftarrow \operatorname{Transformer}_m([z_m, b]), \qquad
    b \leftarrow \operatorname{mean}_m b_m

As in the paper the decision is the mean over the modalities, here of the tokens :math:`z_m`, which
are normalised together so that a modality's weight in the fusion keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.fusion import Fusion

if TYPE_CHECKING:
    from torch import nn

    from armtune.nn.layers import Init


class Attention(Fusion):
    """Bottleneck tokens between the modalities' transformers (Nagrani et al., 2021)."""

    name: Literal["attention"] = "attention"
    heads: int = Field(4, ge=1)
    """Attention heads."""
    head_width: int = Field(16, ge=1)
    """Units a head; a token has heads times as many."""
    layers: int = Field(2, ge=1, le=1000)
    """Layers of each modality's transformer."""
    tokens: int = Field(4, ge=1)
    """Tokens of the bottleneck."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn.attention import Bottleneck
        from armtune.nn.layers import LayerNorm, Linear, Sequential

        dim = self.heads * self.head_width
        fused = Bottleneck(sizes, self.layers, self.tokens, (self.heads, self.head_width), init)
        return Sequential(fused, LayerNorm(dim, init), Linear(dim, classes, init))
