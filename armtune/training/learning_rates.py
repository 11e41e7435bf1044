"""The learning rate's way through a training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from armtune.nn.flat_parameters import FlatParameters
from armtune.recipe.schema import Recipe, Training
from armtune.training.network import MultimodalNet


def rate(plan: Training, step: int, steps: int) -> float:
    """The learning rate's factor at a step counted from 0, with ``steps`` steps an epoch."""
    warmup, total = plan.warmup_epochs * steps, plan.epochs * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if plan.decay == "none":
        return 1.0
    if plan.decay == "step":
        return 1.0 if step < -(-7 * plan.epochs // 10) * steps else 0.1
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def planned(
    plan: Training, epochs: Sequence[int], updates: int, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Each member's learning rate factor and update number in an epoch, ``(update, member, 1)``.

    Args:
        epochs: number of epochs that each member has done.
        updates: updates of an epoch.
    """
    done = [[epoch * updates + update for epoch in epochs] for update in range(updates)]
    rates = [[rate(plan, one, updates) for one in row] for row in done]
    return like.new_tensor(rates).unsqueeze(-1), like.new_tensor(done).add_(1).unsqueeze(-1)


def learning_rates(
    recipes: Sequence[Recipe], network: MultimodalNet, flat: FlatParameters, rates: Tensor
) -> Tensor:
    """Each member's learning rate ``(member, 1)``; where encoders differ each parameter's own."""
    if all(m.lr_scale == 1 for recipe in recipes for m in recipe.modalities.values()):
        return rates
    scales = torch.ones_like(flat.values)
    parts = flat.named(scales)
    for k, recipe in enumerate(recipes):
        for name, modality in recipe.modalities.items():
            for parameter in network.encoder_parameters(name):
                parts[parameter][k] = modality.lr_scale
    return rates * scales
