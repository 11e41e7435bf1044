"""Transformer layers with a member axis. Rows are samples' tokens, one sample after the other."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from armtune.nn.forward import Features
from armtune.nn.layers import Init, LayerNorm, Linear, each, mean_of, real_steps


class TransformerLayer(nn.Module):
    """Self-attention and a two-layer perceptron, each normalised before and added to its input.

    Vaswani et al. (NeurIPS 2017) with the norms in front (Xiong et al., ICML 2020).

    Args:
        heads: number of attention heads.
        head_width: features of a head; a token has ``heads · head_width``.
        normed: whether tokens are normalised before they are heard.
    """

    def __init__(self, heads: int, head_width: int, init: Init, *, normed: bool = True) -> None:
        super().__init__()
        size = heads * head_width
        self.heads = heads
        self.norm = LayerNorm(size, init) if normed else nn.Identity()
        self.second_norm = LayerNorm(size, init)
        self.project = Linear(size, 3 * size, init)
        self.merge = Linear(size, size, init)
        self.widen, self.narrow = Linear(size, 2 * size, init), Linear(2 * size, size, init)

    def forward(self, x: Tensor, tokens: int, real: Tensor | None = None) -> Tensor:
        """Rows ``(member, sample · token, feature)``, with so many tokens a sample.

        Args:
            x: the rows.
            tokens: of a sample.
            real: which tokens the others hear, ``(member, sample, token)``; all by default.
        """
        x = x + self._attend(self.norm(x), tokens, real)
        return x + self.narrow(F.gelu(self.widen(self.second_norm(x))))

    def _attend(self, x: Tensor, tokens: int, real: Tensor | None) -> Tensor:
        parts = self.project(x).unflatten(1, (-1, tokens)).unflatten(3, (3, self.heads, -1))
        # (query/key/value, member · sample, head, token, feature)
        query, key, value = parts.flatten(0, 1).permute(2, 0, 3, 1, 4)
        mask = None if real is None else real.flatten(0, 1)[:, None, None]
        heard = F.scaled_dot_product_attention(query, key, value, mask)
        return self.merge(heard.transpose(1, 2).reshape(x.shape))


class Bottleneck(nn.Module):
    """A token for each modality; they hear of each other through the bottleneck's tokens only.

    Args:
        sizes: number of features of each modality.
        layers: transformer layers of each modality.
        tokens: tokens of the bottleneck.
        heads: number of attention heads, and features of a head.
    """

    def __init__(
        self, sizes: Mapping[str, int], layers: int, tokens: int, heads: tuple[int, int], init: Init
    ) -> None:
        super().__init__()
        size = heads[0] * heads[1]
        self.project = each(sizes, size, init)
        self.bottleneck = init.uniform(1 / sqrt(size), 1, tokens, size)
        self.layers = nn.ModuleList(
            nn.ModuleList(TransformerLayer(*heads, init) for _ in sizes) for _ in range(layers)
        )

    def forward(self, features: Features) -> Tensor:
        """Mean of the modalities' tokens, ``(member, sample, feature)``."""
        pairs = zip(self.project, features.values(), strict=True)
        own = [project(f).unsqueeze(2) for project, f in pairs]
        shared = self.bottleneck.expand(-1, own[0].shape[1], -1, -1)
        tokens = 1 + shared.shape[2]
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            rows = [torch.cat([token, shared], dim=2).flatten(1, 2) for token in own]
            heard = [module(r, tokens) for module, r in zip(layer, rows, strict=True)]
            both = torch.stack(heard).unflatten(2, (-1, tokens))
            own = list(both[:, :, :, :1].unbind(0))
            shared = both[:, :, :, 1:].mean(0)
        return torch.cat(own, dim=2).mean(2)


class SequenceTransformer(nn.Module):
    """A sequence's mean token after some layers, ``(member, sample, time, …)`` to features.

    Each time has a learnt position. As many of them are made as a sample has times.

    Args:
        padded: whether steps of zeros are padding: nothing hears them, no mean counts them.
    """

    def __init__(
        self,
        time: int,
        channels: int,
        layers: int,
        heads: tuple[int, int],
        init: Init,
        *,
        padded: bool = False,
    ) -> None:
        super().__init__()
        size = heads[0] * heads[1]
        self.padded = padded
        self.project = Linear(channels, size, init)
        self.positions = init.uniform(1 / sqrt(size), 1, time, size)
        self.layers = nn.ModuleList(TransformerLayer(*heads, init) for _ in range(layers))
        self.norm = LayerNorm(size, init)

    def forward(self, x: Tensor) -> Tensor:
        samples, tokens = x.shape[1:3]
        real = real_steps(x) if self.padded else None
        # Where there are only zeros they hear each other, since a softmax needs something.
        heard = None if real is None else real | ~real.any(-1, keepdim=True)
        rows = self.project(x.flatten(3).flatten(1, 2)).unflatten(1, (samples, tokens))
        rows = (rows + self.positions).flatten(1, 2)
        for layer in self.layers:
            rows = layer(rows, tokens, heard)
        return mean_of(self.norm(rows).unflatten(1, (samples, tokens)), real)
