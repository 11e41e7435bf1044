r"""Gated multimodal unit: each sample decides how much each modality counts, unit by unit.

Arevalo et al., Gated Multimodal Units for Information Fusion (ICLR 2017 factory):

.. math::
    h = \sum_m z_m \odot \tanh(W_m f_m + b_m), \qquad
    z = \operatorname{softmax}_m(G_m [f_1, \dots, f_K] + g_m)

For two modalities the softmax is the paper's single gate, :math:`z` and :math:`1 - z`. For more,
the paper's gates are independent sigmoids; here they sum to 1 for any number of modalities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from armtune.fusion import Fusion

if TYPE_CHECKING:
    from torch import Tensor, nn

    from armtune.nn.forward import Features
    from armtune.nn.layers import Init


class Gated(Fusion):
    """Gated multimodal unit (Arevalo et al., 2017), its gates a softmax over the modalities."""

    name: Literal["gated"] = "gated"
    dim: int = Field(64, ge=1)
    """Units of the hidden layer."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn import layers
        from armtune.nn.subset_fusion import LinearApart, Parted

        hidden = layers.each(sizes, self.dim, init)
        gates = LinearApart(sizes, len(sizes) * self.dim, init)
        out = layers.Linear(self.dim, classes, init)
        return Parted(layers.Composed(apart, hidden, gates), layers.Composed(decide, out))


def apart(features: Features, hidden: nn.ModuleList, gates: nn.Module) -> Features:
    """Each modality's hidden state, and behind it what it says of all gates."""
    from armtune.plugins.lazy_imports import torch

    said = gates(features)
    states = {m: layer(features[m]).tanh() for layer, m in zip(hidden, said, strict=True)}
    return {m: torch.cat([state, said[m]], dim=-1) for m, state in states.items()}


def decide(parts: Features, out: nn.Module) -> Tensor:
    """Logits of the gated sum."""
    from armtune.nn.subset_fusion import total

    units = next(iter(parts.values())).shape[-1] // (len(parts) + 1)
    said = total({m: part[..., units:] for m, part in parts.items()})
    shares = said.unflatten(-1, (len(parts), -1)).softmax(-2).unbind(-2)
    states = [part[..., :units] for part in parts.values()]
    terms = [share * state for share, state in zip(shares, states, strict=True)]
    return out(sum(terms[1:], terms[0]))
