"""What every balancing method must do: train, restore, keep members apart, never see labels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

import numpy as np
import torch

from armtune.balancing import Balancing
from armtune.data import Dataset, Split
from armtune.errors import RecipeError
from armtune.recipe.schema import Recipe
from armtune.targets import kinds
from armtune.testing.toys import TOYS, TWO, Shapes, toy_dataset, toy_recipe, with_holes
from armtune.training.loop import Run, train

FAMILY: list[Shapes] = [
    TWO,
    {**TWO, "touch": (4,)},
    {**TWO, "touch": (4,), "depth": (3, 5)},
]

LEAST = {"classes": 0.5, "labels": 0.6, "values": 0.2}
"""What every method should reach on the toys, by kind of target."""


def trains_with_any_number_of_modalities_or_refuses(balancing: Balancing) -> None:
    """It learns with all that it doesn't refuse by ``problem``; its metrics are finite."""
    for shapes in _served(balancing):
        best = _trained([_recipe(balancing, shapes)], toy_dataset(shapes)).best[0]
        assert best["accuracy"] > 0.5, (list(shapes), best)
        assert all(map(isfinite, best.values())), (list(shapes), best)


def serves_every_kind_of_target_or_refuses(balancing: Balancing) -> None:
    """It learns what it says it serves, in a pack as alone to 1e-10; all else it refuses."""
    shapes = next(_served(balancing))
    for kind, target in kinds().items():
        pair = [_recipe(balancing, shapes, seed) for seed in (0, 1)]
        if balancing.misfit(list(shapes), target):
            _refused(pair, TOYS[kind](shapes))
            continue
        holed = _trained(pair[:1], with_holes(TOYS[kind](shapes))).best[0]
        assert all(map(isfinite, holed.values())), (kind, holed)
        together = _trained(pair, TOYS[kind](shapes)).best
        alone = [_trained([one], TOYS[kind](shapes)).best[0] for one in pair]
        for one, other in zip(together, alone, strict=True):
            assert one[target.score] > LEAST[kind], (kind, one)
            assert all(map(isfinite, one.values())), (kind, one)
            off = {m: (v, other[m]) for m, v in one.items() if abs(v - other[m]) > 1e-10}
            assert not off, f"{kind}: metrics differ, in a pack and alone: {off}"


def keeps_members_apart(balancing: Balancing) -> None:
    """Two members in one pack learn what each learns alone, to 1e-10."""
    shapes = next(_served(balancing))
    pair = [_recipe(balancing, shapes, seed) for seed in (0, 1)]
    packed = _trained(pair, toy_dataset(shapes)).best
    for one, together in zip(pair, packed, strict=True):
        alone = _trained([one], toy_dataset(shapes)).best[0]
        assert alone.keys() == together.keys()
        off = {m: (v, together[m]) for m, v in alone.items() if abs(v - together[m]) > 1e-10}
        assert not off, f"metrics differ, alone and in a pack: {off}"


def lets_members_come_and_go(balancing: Balancing) -> None:
    """A member that joins late, and stays when another has gone, learns what it learns alone."""
    shapes = next(_served(balancing))
    dataset = toy_dataset(shapes)
    early, late = (_recipe(balancing, shapes, seed) for seed in (0, 1))
    first = Run([early], dataset, dtype=torch.float64)
    first.advance()
    both = Run([late, early], first.samples)
    both.adopt(1, first.member(0))
    train(both, lambda *_: None)
    last = Run([late], first.samples)
    last.adopt(0, both.member(0))
    train(last, lambda *_: None)
    for one, found in ((early, both.best[1]), (late, last.best[0])):
        alone = _trained([one], dataset).best[0]
        off = {m: (v, found[m]) for m, v in alone.items() if abs(v - found[m]) > 1e-10}
        assert not off, f"metrics differ, alone and beside other members: {off}"


def stands_a_dead_modality(balancing: Balancing) -> None:
    """A modality of zeros makes no metric infinite."""
    shapes = next(_served(balancing))
    dataset, last = toy_dataset(shapes), list(shapes)[-1]

    def silenced(split: Split) -> Split:
        return replace(split, views={**split.views, last: np.zeros_like(split.views[last])})

    best = _trained([_recipe(balancing, shapes)], _changed(dataset, silenced)).best[0]
    assert all(map(isfinite, best.values())), best


def learns_from_samples_that_lack_modalities(balancing: Balancing) -> None:
    """It learns where samples lack modalities; what is written in their place changes nothing."""
    *_, shapes = _served(balancing)
    holes = with_holes(toy_dataset(shapes))
    found = _trained([_recipe(balancing, shapes)], holes)
    assert found.best[0]["accuracy"] > 0.5, found.best[0]
    assert all(map(isfinite, found.best[0].values())), found.best[0]
    other = _trained([_recipe(balancing, shapes)], _scribbled(holes))
    assert other.best == found.best
    assert torch.equal(other.flat.values, found.flat.values)


def takes_everyone_present_for_no_holes(balancing: Balancing) -> None:
    """Masks in which nobody lacks anything change nothing but the order of sums."""
    shapes = next(_served(balancing))
    whole, recipe = toy_dataset(shapes), _recipe(balancing, shapes)

    def masked(split: Split) -> Split:
        return replace(split, present={m: np.ones(len(split), bool) for m in split.views})

    plain = _trained([recipe], whole).best[0]
    found = _trained([recipe], _changed(whole, masked)).best[0]
    off = {m: (v, found[m]) for m, v in plain.items() if abs(v - found[m]) > 1e-8}
    assert not off, f"metrics differ, without masks and with full ones: {off}"


def predicts_without_labels_and_each_sample_alone(balancing: Balancing) -> None:
    """A prediction depends on the sample only."""
    shapes = next(_served(balancing))
    dataset = toy_dataset(shapes)
    run = _trained([_recipe(balancing, shapes)], dataset)
    views = {
        m: torch.from_numpy(s.apply(dataset.test.views[m]))[None].double()
        for m, s in run.scales.items()
    }
    few = {m: view[:, 40:45] for m, view in views.items()}
    with run.at_best() as network, torch.no_grad():
        together, apart = network(views).logits, network(few).logits
    assert torch.allclose(together[:, 40:45], apart, atol=1e-12)


def goes_on_from_a_checkpoint_as_if_never_stopped(balancing: Balancing) -> None:
    """All that it knows is in ``state``, or drawn anew from the member's seed."""
    shapes = next(_served(balancing))
    dataset, recipe = toy_dataset(shapes), _recipe(balancing, shapes)
    whole = _trained([recipe], dataset)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        stopped = Run([recipe], dataset, dtype=torch.float64)
        stopped.advance()
        stopped.save(path)
        resumed = Run([recipe], dataset, dtype=torch.float64)
        resumed.restore(path)
    train(resumed, lambda *_: None)
    assert resumed.best == whole.best
    assert torch.equal(resumed.flat.values, whole.flat.values)


def _changed(dataset: Dataset, change: Callable[[Split], Split]) -> Dataset:
    train, validation, test = map(change, (dataset.train, dataset.validation, dataset.test))
    return replace(dataset, train=train, validation=validation, test=test)


def _scribbled(dataset: Dataset) -> Dataset:
    """NaN and huge numbers where samples lack modalities."""

    def scribbled(split: Split) -> Split:
        rng = np.random.default_rng(3)
        views = {}
        for m, view in split.views.items():
            noise = rng.choice([np.nan, np.inf, 1e30], view.shape).astype(np.float32)
            there = split.present[m].reshape(-1, *[1] * (view.ndim - 1))
            views[m] = np.where(there, view, noise)
        return replace(split, views=views)

    return _changed(dataset, scribbled)


def goes_on_within_an_epoch_as_if_never_stopped(balancing: Balancing) -> None:
    """What changes while an epoch runs is in ``state`` or ``running``, for packs too."""
    shapes = next(_served(balancing))
    dataset = with_holes(toy_dataset(shapes))
    pair = [_recipe(balancing, shapes, seed) for seed in (0, 1)]
    whole, run = (Run(pair, dataset, dtype=torch.float64) for _ in range(2))
    for _ in range(pair[0].training.epochs):
        run = _interrupted(run)
        assert run.advance() == whole.advance()
    assert run.best == whole.best
    assert torch.equal(run.flat.values, whole.flat.values)


def _interrupted(run: Run) -> Run:
    """Another run, which goes on from where this one stands after some steps of an epoch."""
    answers = iter([False] * 4 + [True])
    assert not run.train_steps(lambda: next(answers))
    other = Run(run.recipes, run.samples)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{k}.safetensors" for k in range(len(run.recipes))]
        for k, path in enumerate(paths):
            run.save(path, k)
        other.epochs = list(run.epochs)
        assert other.resume(paths)
    return other


def _refused(recipes: Sequence[Recipe], dataset: Dataset) -> None:
    try:
        Run(recipes, dataset)
    except RecipeError as error:
        assert "these are: " in str(error), error  # noqa: PT017
        return
    raise AssertionError(f"it says it doesn't serve {dataset.target.kind}, and trains on it")


def _served(balancing: Balancing) -> Iterator[Shapes]:
    served = [shapes for shapes in FAMILY if not balancing.problem(list(shapes))]
    assert served, "it refuses two, three and four modalities"
    yield from served


def _recipe(balancing: Balancing, shapes: Shapes, seed: int = 0) -> Recipe:
    return toy_recipe(shapes, seed=seed).model_copy(update={"balancing": balancing})


def _trained(recipes: Sequence[Recipe], dataset: Dataset) -> Run:
    run = Run(recipes, dataset, dtype=torch.float64)
    train(run, lambda *_: None)
    return run
