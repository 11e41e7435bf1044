"""The multimodal network: encoders, a head for each modality, and the fused decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn

from armtune.data import Split
from armtune.encoders import Encoder
from armtune.errors import Fault, RecipeError
from armtune.fusion import Fusion
from armtune.nn.forward import Features, Forward, only
from armtune.nn.layers import Init, Linear
from armtune.nn.random_streams import stream
from armtune.nn.subset_fusion import Parted
from armtune.plugins.blame import blaming
from armtune.recipe.frozen import learnt_encoders
from armtune.recipe.schema import Recipe

ENCODERS = "encoders."
"""Begins the names of the encoders' parameters."""


ROWS = 1024
"""Samples times subsets that a CPU decides on at a time: more outgrow its cache."""


class MultimodalNet(nn.Module):
    """Encoders, unimodal heads and fusion for every member of a pack.

    Attributes:
        values: about how many numbers a member makes of a sample: what its encoders take in, and
            the features of all subsets.

    Buffers:
        weights: the fusion weight of each modality's features, ``(member, modality)``.
        means: each modality's mean feature over training samples, concatenated, ``(member,
            feature)``: what stands in for an absent modality.
    """

    weights: Tensor
    means: Tensor

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        fusion: Fusion,
        shapes: Mapping[str, tuple[int, ...]],
        outputs: int,
        init: Init,
    ) -> None:
        super().__init__()
        self.modalities = tuple(encoders)
        built = {m: _build(m, encoder, shapes[m], init) for m, encoder in encoders.items()}
        self.sizes = {m: size for m, (_, size) in built.items()}
        self.encoders = nn.ModuleList(module for module, _ in built.values())
        self.values = sum(_numbers(module, shapes[m]) for m, (module, _) in built.items())
        self.values += 2 ** len(built) * sum(self.sizes.values())
        self.heads = nn.ModuleList(Linear(size, outputs, init) for size in self.sizes.values())
        self.fusion = fusion.build(self.sizes, outputs, init)
        shape = (init.members, len(self.modalities))
        self.register_buffer("weights", torch.ones(shape, dtype=init.dtype))
        total = sum(self.sizes.values())
        self.register_buffer("means", torch.zeros(init.members, total, dtype=init.dtype))

    def encoder_parameters(self, modality: str) -> list[str]:
        """Names of a modality's encoder's parameters."""
        k = self.modalities.index(modality)
        return [f"{ENCODERS}{k}.{name}" for name, _ in self.encoders[k].named_parameters()]

    def encode(
        self, views: Mapping[str, Tensor], present: Mapping[str, Tensor] | None = None
    ) -> Features:
        """Features of each modality from samples ``(member, sample, *shape)``.

        Args:
            present: see ``stand_in``.
        """
        encoded = {m: enc(views[m]) for m, enc in zip(self.modalities, self.encoders, strict=True)}
        return self.stand_in(encoded, present) if present else encoded

    def stand_in(self, features: Features, present: Mapping[str, Tensor]) -> Features:
        """Features with the mean features where a sample lacks a modality.

        Args:
            present: which samples have a modality, ``(member, sample)``, of those that some lack.
        """
        means = self.mean_features()
        there = {m: p.unsqueeze(-1) for m, p in present.items()}
        return {
            m: torch.where(there[m], f, means[m]) if m in there else f for m, f in features.items()
        }

    def judge(self, features: Mapping[str, Tensor]) -> Features:
        """Logits of each modality's own head."""
        return {m: head(features[m]) for m, head in zip(self.modalities, self.heads, strict=True)}

    def fuse(self, features: Mapping[str, Tensor]) -> Tensor:
        """Fused logits from features, weighted."""
        logits: Tensor = self.fusion(self._weighted(features))
        return logits

    def fuse_subsets(self, features: Features, absent: Features, subsets: Sequence[int]) -> Tensor:
        """Fused logits with the modalities outside of each subset absent.

        What a modality gives by itself is computed once for all subsets.

        Args:
            features: ``(member, sample, feature)`` of each modality.
            absent: ``(member, 1, feature)`` of each modality: what stands in for it.
            subsets: which modalities are present, as bit masks in the modalities' order.

        Returns:
            ``(member, subset, sample, class)``.
        """
        there, absent = self._weighted(features), self._weighted(absent)
        decide: nn.Module = self.fusion
        if isinstance(decide, Parted):
            there, absent, decide = decide.apart(there), decide.apart(absent), decide.decide
        samples = next(iter(there.values())).shape[1]
        size = max(1, ROWS // samples) if self.means.device.type == "cpu" else len(subsets)
        blocks = [subsets[i : i + size] for i in range(0, len(subsets), size)]
        logits = torch.cat([decide(only(there, absent, block)) for block in blocks], dim=1)
        return logits.unflatten(1, (len(subsets), -1))

    def _weighted(self, features: Mapping[str, Tensor]) -> Features:
        weights = self.weights[:, :, None, None].unbind(1)
        return {m: features[m] * w for m, w in zip(self.modalities, weights, strict=True)}

    def mean_features(self) -> Features:
        """The features that stand in for absent modalities, ``(member, 1, feature)``."""
        parts = self.means.unsqueeze(1).split(list(self.sizes.values()), dim=-1)
        return dict(zip(self.modalities, parts, strict=True))

    def set_means(self, means: Mapping[str, Tensor]) -> None:
        """Takes these features, ``(member, feature)``, to stand in for absent modalities."""
        self.means.copy_(torch.cat([means[m] for m in self.modalities], dim=-1))

    def forward(self, views: Mapping[str, Tensor], heads_reach_encoders: bool = False) -> Forward:
        """Everything about a batch; without gradient from the heads to the encoders by default."""
        features = self.encode(views)
        return self.decide(features, features, heads_reach_encoders)

    def decide(
        self, features: Features, fused: Features, heads_reach_encoders: bool = False
    ) -> Forward:
        """Unimodal logits from ``features`` and the fused decision from ``fused`` features."""
        inputs = {
            m: f.view_as(f) if heads_reach_encoders else f.detach() for m, f in features.items()
        }
        return Forward(features, inputs, self.judge(inputs), self.fuse(fused))


def _numbers(encoder: nn.Module, shape: tuple[int, ...]) -> int:
    """Numbers of a sample as its encoder takes it in: a token is as many as its embedding."""
    return prod(shape) * max(getattr(part, "token_width", 1) for part in encoder.modules())


def build_network(
    recipes: Sequence[Recipe],
    shapes: Mapping[str, tuple[int, ...]],
    outputs: int,
    dtype: torch.dtype = torch.float32,
    most: int | None = None,
) -> MultimodalNet:
    """The network of a pack: the first recipe's program, each member's own initial weights.

    Args:
        shapes: of each modality's samples; where a part of its encoder is frozen, of its features.
        most: how many weights it may have in all; None for any number.

    Raises:
        TooManyWeightsError: it would have more.
        RecipeError: an encoder can't read samples of its modality's shape, or isn't to be had.
    """
    program = recipes[0]
    encoders = learnt_encoders(program)
    init = Init([stream(recipe.training.seed, "init") for recipe in recipes], dtype, most)
    fusion = program.balancing.fusion(program.fusion)
    return MultimodalNet(encoders, fusion, shapes, outputs, init)


def fit_encoders(network: MultimodalNet, recipe: Recipe, train: Split) -> None:
    """Lets encoders take from the training samples what isn't learnt step by step.

    Args:
        train: as trainings see it.
    """
    encoders = learnt_encoders(recipe)
    for m, module in zip(network.modalities, network.encoders, strict=True):
        encoders[m].fit(module, train.views[m], train.present.get(m))


def _build(
    modality: str, encoder: Encoder, shape: tuple[int, ...], init: Init
) -> tuple[nn.Module, int]:
    path = f"modalities.{modality}.encoder"
    if problem := encoder.misfit(shape):
        raise RecipeError([Fault(problem, f"{path}.name")])
    try:
        with blaming(type(encoder).build):
            return encoder.build(shape, init)
    except ValueError as error:
        raise RecipeError([Fault(str(error), path)]) from error
