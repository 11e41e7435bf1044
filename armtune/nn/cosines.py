"""A decision from angles: cosines between features and class weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from armtune.nn.layers import Init


class CosineSum(nn.Module):
    """Scaled cosines between features and class weights, summed over the modalities.

    Buffers:
        scale: what each member's cosines are multiplied by, ``(member, 1, 1)``; not saved, since
            it is an option and not learnt.
    """

    scale: Tensor

    def __init__(self, sizes: Sequence[int], classes: int, scale: float, init: Init) -> None:
        super().__init__()
        self.weights = nn.ParameterList(init.uniform(1 / sqrt(n), n, classes) for n in sizes)
        full = torch.full((init.members, 1, 1), scale, dtype=init.dtype)
        self.register_buffer("scale", full, persistent=False)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        cosines = [
            F.normalize(x, dim=2) @ F.normalize(w, dim=1)
            for x, w in zip(features.values(), self.weights, strict=True)
        ]
        return self.scale * torch.stack(cosines).sum(0)
