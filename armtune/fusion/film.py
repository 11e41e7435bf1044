r"""Feature-wise linear modulation: one modality's features, scaled and shifted by the others.

Perez et al., FiLM: Visual Reasoning with a General Conditioning Layer (AAAI 2018). The recipe's
first modality is modulated; where the paper has one condition, here each further modality is one,
in the recipe's order, as the paper stacks its layers:

.. math::
    h_1 = W f_1 + b, \qquad h_m = (1 + \Gamma_m f_m) \odot h_{m-1} + B_m f_m, \qquad
    y = V \operatorname{relu}(h_K) + c

(:math:`\Gamma` and :math:`B` with a bias each.) A single modality is left unmodulated.
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


class Film(Fusion):
    """Feature-wise linear modulation (Perez et al., 2018) of the first modality by the others."""

    name: Literal["film"] = "film"
    dim: int = Field(64, ge=1)
    """Units that are modulated."""

    def build(self, sizes: Mapping[str, int], classes: int, init: Init) -> nn.Module:
        from armtune.nn import layers
        from armtune.nn.subset_fusion import Apart, Parted

        (_, first), *others = sizes.items()
        modulated = layers.Linear(first, self.dim, init)
        conditions = layers.each(dict(others), 2 * self.dim, init)
        out = layers.Linear(self.dim, classes, init)
        return Parted(Apart([modulated, *conditions]), layers.Composed(decide, out))


def decide(parts: Features, out: nn.Module) -> Tensor:
    """Logits of the modulated units."""
    units, *conditions = parts.values()
    for condition in conditions:
        scale, shift = condition.chunk(2, dim=-1)
        units = (1 + scale) * units + shift
    return out(units.relu())
