"""Whether a device computes what the processor does: every method, encoder and fusion; packs.

What ``gpu_all.py`` begins with. All is in float64, so that what differs by more than rounding does
so for a reason; TensorFloat-32 has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from armtune.nn.layers import Init
from armtune.nn.random_streams import stream
from armtune.plugins.registry import plugins
from armtune.recipe.schema import Recipe
from armtune.testing.toys import TWO, Shapes, toy_dataset, toy_recipe
from armtune.training.loop import Run, train

TOLERANCE = 1e-6
"""Of metrics after three epochs, and of features and gradients over their largest."""
FAMILY: tuple[Shapes, ...] = (TWO, {**TWO, "touch": (4,)})
SHAPES = ((7,), (6, 5), (2, 6, 5), (3, 32, 32))
SIZES = {"a": 4, "b": 3, "c": 5}
CLASSES = 3
PACKED = ("mlp", "lenet", "transformer")
OFF: dict[str, dict[str, Any]] = {"ogm_ge": {"to_epoch": 0}}
"""What draws on the device itself, where other numbers come than on the processor, is left out."""


@dataclass(frozen=True)
class Check:
    """A comparison.

    Attributes:
        off: the largest difference; infinite where one side failed.
        said: why there is none, or why it wasn't made.
    """

    kind: str
    name: str
    off: float
    said: str = ""

    @property
    def holds(self) -> bool:
        """Whether the difference is rounding."""
        return self.off <= TOLERANCE


def checks(device: str, quick: bool = False) -> Iterator[Check]:
    """Compares all that is registered; of each kind the first few only where it is to be quick."""
    kinds: dict[str, Callable[[str, str], float]] = {
        "balancing": method_off,
        "encoders": encoder_off,
        "fusion": fusion_off,
    }
    for kind, compare in kinds.items():
        for name in list(plugins(kind))[: 3 if quick else None]:
            yield _checked(kind, name, compare, device)
    for name in PACKED[: 1 if quick else None]:
        yield _checked("pack against solo", name, pack_off, device)


def _checked(kind: str, name: str, compare: Callable[[str, str], float], device: str) -> Check:
    try:
        return Check(kind, name, compare(name, device))
    except ValidationError as error:
        missing = ", ".join(str(each["loc"][-1]) for each in error.errors())
        return Check(kind, name, 0.0, f"not compared: it needs {missing}")
    except Exception as error:  # the others are to be compared all the same
        lines = str(error).splitlines() or [""]
        return Check(kind, name, float("inf"), f"{type(error).__name__}: {lines[0]}")


def method_off(name: str, device: str) -> float:
    """A balancing method's metrics after three epochs of a toy, on both devices."""
    options = {"name": name, **OFF.get(name, {})}
    balancing = plugins("balancing")[name].model_validate(options)
    shapes = next(s for s in FAMILY if not balancing.problem(list(s)))
    recipe = toy_recipe(shapes, options)
    here, there = (_best([recipe], shapes, where)[0] for where in ("cpu", device))
    return _metrics_off(here, there)


def pack_off(encoder: str, device: str) -> float:
    """The metrics of members in a pack against each alone, on the device."""
    shapes: Shapes = {"image": (12, 12), "audio": (12, 12)}
    pack = [_with_encoder(toy_recipe(shapes, seed=seed), encoder) for seed in range(3)]
    packed = _best(pack, shapes, device)
    alone = [_best([one], shapes, device)[0] for one in pack]
    return max(map(_metrics_off, packed, alone))


def _with_encoder(recipe: Recipe, name: str) -> Recipe:
    content = recipe.model_dump()
    for modality in content["modalities"].values():
        modality["encoder"] = {"name": name}
    return Recipe.model_validate(content)


def _best(recipes: list[Recipe], shapes: Shapes, device: str) -> list[dict[str, float]]:
    run = Run(recipes, toy_dataset(shapes), device, torch.float64)
    train(run, lambda *_: None)
    return run.best


def _metrics_off(one: dict[str, float], other: dict[str, float]) -> float:
    assert one.keys() == other.keys(), "other metrics"
    assert all(map(isfinite, (*one.values(), *other.values()))), "a metric isn't finite"
    return max(abs(value - other[name]) for name, value in one.items())


def encoder_off(name: str, device: str) -> float:
    """An encoder's features and gradients on both devices, for each shape that it reads."""
    options = plugins("encoders")[name]()
    served = [shape for shape in SHAPES if not options.misfit(shape)]
    assert served, f"reads none of {SHAPES}"

    def build(shape: tuple[int, ...]) -> Callable[[], nn.Module]:
        return lambda: options.build(shape, _init())[0]

    return max(_module_off(build(s), lambda d, s=s: _noise(s, d), device) for s in served)


def fusion_off(name: str, device: str) -> float:
    """A fusion's logits and gradients on both devices."""
    options = plugins("fusion")[name]()

    def inputs(where: str) -> dict[str, Tensor]:
        return {m: _noise((size,), where) for m, size in SIZES.items()}

    return _module_off(lambda: options.build(SIZES, CLASSES, _init()), inputs, device)


def _module_off(build: Callable[[], nn.Module], inputs: Callable[[str], Any], device: str) -> float:
    here, there = (_given(build().to(where).eval(), inputs(where)) for where in ("cpu", device))
    assert len(here) == len(there), "other gradients"
    pairs = zip(here, there, strict=True)
    return max(float((a - b).abs().max() / (1 + a.abs().max())) for a, b in pairs)


def _given(module: nn.Module, x: Any) -> list[Tensor]:
    """What a module gives, and the gradients of its parameters; on the processor."""
    found = module(x)
    found.square().sum().backward()
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    return [tensor.detach().cpu() for tensor in (found, *gradients)]


def _init() -> Init:
    return Init([stream(seed, "init") for seed in range(2)], torch.float64)


def _noise(shape: tuple[int, ...], device: str) -> Tensor:
    drawn = torch.randn(2, 6, *shape, generator=stream(0, "x"), dtype=torch.float64)
    # Positive, as word numbers are.
    return (drawn.abs() * 2).to(device).requires_grad_()
