"""Fusions in two steps, so that deciding on every subset of modalities costs little."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from armtune.nn.forward import Features
from armtune.nn.layers import Composed, Init, Linear, Sequential, in_turn
from armtune.nn.products import affine


class Parted(nn.Module):
    """A fusion in two steps: what each modality gives by itself, and what is decided on that.

    Args:
        apart: from features to each modality's part; no part depends on another modality.
        decide: from all parts to logits.
    """

    def __init__(self, apart: nn.Module, decide: nn.Module) -> None:
        super().__init__()
        self.apart, self.decide = apart, decide

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        logits: Tensor = self.decide(self.apart(features))
        return logits


class Apart(nn.Module):
    """Each modality's features through a module of its own, in the modules' order."""

    def __init__(self, own: Iterable[nn.Module]) -> None:
        super().__init__()
        self.own = nn.ModuleList(own)

    def forward(self, features: Mapping[str, Tensor]) -> Features:
        return {m: module(f) for module, (m, f) in zip(self.own, features.items(), strict=True)}


class LinearApart(nn.Module):
    """A linear layer of all features side by side, as each modality's summand of its result."""

    def __init__(self, sizes: Mapping[str, int], size_out: int, init: Init) -> None:
        super().__init__()
        self.sizes = list(sizes.values())
        self.whole = Linear(sum(self.sizes), size_out, init)

    def forward(self, features: Mapping[str, Tensor]) -> Features:
        weights = self.whole.weight.split(self.sizes, dim=1)
        biases = [self.whole.bias, *[None] * (len(weights) - 1)]
        terms = zip(features.items(), weights, biases, strict=True)
        return {m: affine(f, weight, bias) for (m, f), weight, bias in terms}


class Concatenated(Parted):
    """A fusion of the sum of linear parts: with all modalities there, one product has the sum.

    Args:
        apart: each modality's summand.
        after: what comes after the sum.
    """

    def __init__(self, apart: LinearApart, after: Iterable[nn.Module]) -> None:
        super().__init__(apart, Sequential(Composed(total), *after))

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        together = torch.cat(list(features.values()), dim=-1)
        logits: Tensor = in_turn(together, self._at_once())
        return logits

    def _at_once(self) -> list[nn.Module]:
        """The steps from all features side by side, the sum replaced by one product."""
        assert isinstance(self.apart, LinearApart)
        assert isinstance(self.decide, Sequential)
        return [self.apart.whole, *list(self.decide)[1:]]


def total(parts: Mapping[str, Tensor]) -> Tensor:
    """Sum over the modalities, in their order."""
    first, *others = parts.values()
    for part in others:
        first = first + part
    return first
