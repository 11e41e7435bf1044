"""Encoders as compiled programs, of which a worker makes many."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from armtune.recipe.schema import Recipe
from armtune.testing.toys import TWO, toy_recipe
from armtune.training.compiled import compiled_encoders
from armtune.training.network import build_network

WIDTHS = range(3, 9)


def of_width(width: int) -> Recipe:
    content = toy_recipe().model_dump()
    for modality in content["modalities"].values():
        modality["encoder"]["width"] = width
    return Recipe.model_validate(content)


def test_every_training_of_a_process_gets_its_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def noting(graph: Any, inputs: Any) -> Callable[..., Any]:
        made.append(graph)
        return graph.forward  # type: ignore[no-any-return]

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=noting))
    torch.compiler.reset()
    views = {m: torch.randn(1, 4, *shape) for m, shape in TWO.items()}
    for width in WIDTHS:
        network = build_network([of_width(width)], TWO, 3)
        encoded = compiled_encoders(network)(views)
        for m, feature in network.encode(views).items():
            assert torch.allclose(encoded[m], feature, atol=1e-6)
    assert len(made) == len(TWO) * len(WIDTHS)
