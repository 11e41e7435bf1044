"""What encoders with tests of their own must do in packs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from armtune.data import Dataset
from armtune.recipe.schema import Recipe
from armtune.training.loop import Run, train


def learn_alike_packed_and_alone(
    pair: Sequence[Recipe], data: Dataset, accuracy: float = 0.8
) -> None:
    """Two members learn in a pack what each learns alone, and do learn: more than ``accuracy``."""
    runs = [Run(recipes, data, dtype=torch.float64) for recipes in (pair, pair[:1], pair[1:])]
    for run in runs:
        train(run, lambda *_: None)
    packed, *alone = runs
    for k, one in enumerate(alone):
        assert packed.best[k] == pytest.approx(one.best[0], abs=1e-9)
        assert packed.best[k]["accuracy"] > accuracy
