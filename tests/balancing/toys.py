"""What the tests of balancing methods share: a context without a run, and whole toy trainings."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from armtune.balancing._hooks import Balancer, Context, Step
from armtune.nn.forward import Batch, Features, Forward
from armtune.nn.random_streams import stream
from armtune.targets.classes import Classes
from armtune.training.loop import Run
from armtune.training.network import MultimodalNet, build_network
from tests.conftest import TWO, Shapes, toy_dataset, toy_recipe

THREE_CLASSES = Classes(("a", "b", "c"))
THREE: Shapes = {**TWO, "touch": (4,)}


def toy_network(shapes: Shapes = TWO, **balancing: Any) -> MultimodalNet:
    """A network of one member and three classes, in float64."""
    recipe = toy_recipe(shapes, balancing or None)
    return build_network([recipe], shapes, 3, torch.float64)


def toy_context(network: MultimodalNet, **given: Any) -> Context:
    """A context of four steps of ten samples an epoch."""

    def nothing(_: Tensor) -> Batch:
        raise AssertionError("no training samples here")

    about: dict[str, Any] = {
        "seeds": (0,),
        "target": THREE_CLASSES,
        "uncertainty": log(3),
        "samples": 40,
        "steps": 4,
        "batch_size": 10,
        "epochs": 3,
        "solo": lambda _: network,
        "take": nothing,
        "present": {},
        "held_present": {},
    }
    return Context(network, **{**about, **given})


def at(balancer: Balancer, epoch: int) -> Tensor:
    """The epoch, the same for every member."""
    return torch.full((len(balancer.context.seeds),), epoch)


def toy_batch(shapes: Shapes = TWO, seed: int = 1) -> tuple[Features, Tensor]:
    """Views of ten samples of one member, and their labels; in float64."""
    generator = stream(seed, "toy")
    views = {
        m: torch.randn(1, 10, *shape, generator=generator, dtype=torch.float64)
        for m, shape in shapes.items()
    }
    return views, torch.arange(10)[None] % 3


def made_up(
    features: Features, labels: list[int], logits: Tensor, unimodal: Features | None = None
) -> Step:
    """A step with these features and logits, all with a member axis; samples counted from 0."""
    index = torch.arange(len(labels))[None]
    forward = Forward(features, features, unimodal or {}, logits)
    return Step(forward, torch.tensor([labels]), index, 0)


def weights_after(balancing: dict[str, Any], epochs: int = 3, shapes: Shapes = TWO) -> Tensor:
    """All parameters after a toy training in float64, ``(1, parameter)``."""
    run = Run([toy_recipe(shapes, balancing, epochs=epochs)], toy_dataset(shapes), "cpu", F64)
    for _ in range(epochs):
        run.advance()
    return run.flat.values


def weights_after_a_break(balancing: dict[str, Any], epochs: int, at: int, path: Path) -> Tensor:
    """The same, of a training that is saved after ``at`` epochs and restored in a new run."""
    recipe = toy_recipe(balancing=balancing, epochs=epochs)
    first = Run([recipe], toy_dataset(), "cpu", F64)
    for _ in range(at):
        first.advance()
    first.save(path)
    second = Run([recipe], toy_dataset(), "cpu", F64)
    second.restore(path)
    for _ in range(epochs - at):
        second.advance()
    return second.flat.values


F64 = torch.float64
