"""No step of a training waits for its device: nothing on the way asks for a tensor's values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import methodcaller
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from armtune.augmentations import Augmentation
from armtune.data import Dataset
from armtune.encoders import Encoder
from armtune.plugins.registry import plugins
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.testing.toys import TWO, toy_dataset, toy_recipe, with_holes
from armtune.training.loop import Run

ASKING = {
    *("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero"),
    *("unique_dim", "_unique2", "bincount", "repeat_interleave"),
}
"""Operations whose result the host needs before it can go on; on a GPU each one stops the queue."""
TAKING = ("tolist", "cpu")
"""Methods of a tensor that bring it to the host; for one that is there already, no operation."""


class Watch(TorchDispatchMode):
    """Raises at operations that ask."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        masked = name == "index" and any(i is not None and i.dtype == torch.bool for i in args[1])
        assert name not in ASKING, f"{name} waits for the device"
        assert not masked, "a mask as an index waits for the device"
        return func(*args, **(kwargs or {}))


@contextmanager
def watching() -> Iterator[None]:
    def refusing(name: str) -> Callable[..., Any]:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise AssertionError(f"{name} waits for the device")

        return refuse

    with pytest.MonkeyPatch.context() as patch, Watch():  # type: ignore[no-untyped-call]
        for name in TAKING:
            patch.setattr(torch.Tensor, name, refusing(name), raising=True)
        yield


def watched(step: Callable[..., Any]) -> Callable[..., Any]:
    def own(*args: Any) -> Any:
        with watching():
            return step(*args)

    return own


def test_asking_is_seen() -> None:
    some = torch.arange(3.0)
    taking = [methodcaller(name) for name in TAKING]
    for ask in (float, bool, torch.Tensor.nonzero, lambda x: x[x > 1], *taking):
        with pytest.raises(AssertionError, match="waits for the device"), watching():
            ask(some.sum() if ask in (float, bool) else some)


def check_steps(recipe: Recipe, dataset: Dataset) -> None:
    """The second epoch's steps, with a pack of two; by then every hook has begun."""
    # AdamW has a way of its own on a CPU.
    recipe = with_overrides(recipe, {"training.optimizer": {"name": "sgd", "lr": 0.01}})
    run = Run([recipe, recipe], dataset)
    run.advance()
    run._step = watched(run._step)  # type: ignore[method-assign]
    assert run.train_steps()


@pytest.mark.parametrize("holes", [False, True], ids=["complete", "with holes"])
@pytest.mark.parametrize("name", plugins("balancing"))
def test_no_step_of_a_method_waits(name: str, holes: bool) -> None:
    dataset = with_holes(toy_dataset()) if holes else toy_dataset()
    check_steps(toy_recipe(TWO, {"name": name}, epochs=3, clip_norm=1.0), dataset)


@pytest.mark.parametrize("name", plugins("fusion"))
def test_no_step_of_a_fusion_waits(name: str) -> None:
    recipe = with_overrides(toy_recipe(), {"fusion": {"name": name}})
    check_steps(recipe, toy_dataset())


@pytest.mark.parametrize("shape", [(7,), (6, 5)], ids=str)
@pytest.mark.parametrize("name", plugins("augmentations"))
def test_no_step_of_an_augmentation_waits(name: str, shape: tuple[int, ...]) -> None:
    plugin = plugins("augmentations")[name]()
    assert isinstance(plugin, Augmentation)
    if refusal := plugin.misfit(shape):
        pytest.skip(refusal)
    shapes = {"image": shape, "audio": (5,)}
    encoder = {"name": "embedding_bag" if plugin.tokens else "mlp"}
    values = {"modalities.image.encoder": encoder, "modalities.image.augment": {name: {}}}
    check_steps(with_overrides(toy_recipe(shapes), values), toy_dataset(shapes, samples=40))


@pytest.mark.parametrize("shape", [(6, 5), (2, 6, 5)], ids=str)
@pytest.mark.parametrize("name", plugins("encoders"))
def test_no_step_of_an_encoder_waits(name: str, shape: tuple[int, ...]) -> None:
    plugin = plugins("encoders")[name]()
    assert isinstance(plugin, Encoder)
    if refusal := plugin.misfit(shape):
        pytest.skip(refusal)
    shapes = {"image": shape, "audio": (5,)}
    recipe = with_overrides(toy_recipe(shapes), {"modalities.image.encoder": {"name": name}})
    check_steps(recipe, toy_dataset(shapes, samples=40))
