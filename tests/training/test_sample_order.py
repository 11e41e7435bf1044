"""Which samples members visit: shuffled, drawn with weights, and classes evened out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from armtune.data import Dataset, Split
from armtune.data.rows import taken
from armtune.errors import RecipeError
from armtune.nn.random_streams import stream
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Training
from armtune.recipe.variants import alone
from armtune.targets import Target
from armtune.targets.classes import Classes
from armtune.testing.toys import with_holes
from armtune.training.loop import Run, train
from armtune.training.sample_order import both, rarity_of, telling, visiting_order
from tests.conftest import toy_dataset, toy_recipe


def test_without_weights_each_sample_is_visited_once() -> None:
    order = visiting_order([stream(0, "a"), stream(1, "a")], None, 10, 10)
    assert [sorted(row) for row in order.tolist()] == [list(range(10))] * 2
    assert order[0].tolist() != order[1].tolist()


def test_a_member_with_equal_weights_is_shuffled_as_without_any() -> None:
    weights = torch.stack([torch.full((10,), 0.3), torch.arange(10.0)])
    order = visiting_order([stream(0, "a"), stream(1, "a")], weights, 10, 8)
    assert order[0].tolist() == visiting_order([stream(0, "a")], None, 10, 8)[0].tolist()
    assert 0 not in order[1]


def test_weights_for_two_reasons_are_multiplied() -> None:
    one, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.5]])
    assert both(one, other).tolist() == [[3.0, 1.0]]  # type: ignore[union-attr]
    assert both(None, other) is other
    assert both(one, None) is one
    assert both(None, None) is None


def imbalanced() -> Dataset:
    """The toy data with the second and third class cut to a fifth."""
    whole = toy_dataset()
    keep = (whole.train.labels == 0) | (torch.arange(len(whole.train)) % 5 == 0).numpy()
    views = {m: view[keep] for m, view in whole.train.views.items()}
    return replace(whole, train=Split(views, whole.train.labels[keep]))


def test_balanced_classes_come_up_equally_often() -> None:
    data = imbalanced()
    counts = torch.tensor(data.train.labels).bincount()
    assert counts[0] > 4 * counts[1]
    recipes = [
        with_overrides(toy_recipe(seed=seed), {"training.balance_classes": True})
        for seed in range(2)
    ]
    run = Run(recipes, data, dtype=torch.float64)
    drawn = []
    for epoch in range(40):
        run.epochs = [epoch, epoch]
        drawn.append(run.train.labels[run.pool.gather(1, run._order())])
    for member in torch.cat(drawn, dim=1):
        shares = member.bincount() / len(member)
        assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.04)


def test_a_target_without_classes_is_refused() -> None:
    plan = Training(balance_classes=True)
    assert rarity_of(Training(), Target(("a",)), torch.zeros(1, 3)) is None
    with pytest.raises(RecipeError, match="no classes to balance"):
        rarity_of(plan, type("Other", (Target,), {"kind": "other"})(("a",)), torch.zeros(1, 3))
    even = rarity_of(plan, Classes(("a", "b")), torch.tensor([[0, 0, 1]]))
    assert even is not None
    assert even.tolist() == [[0.5, 0.5, 1.0]]


def test_samples_without_any_of_the_modalities_tell_nothing() -> None:
    first = torch.tensor([True, False, False, True])
    second = torch.tensor([False, False, True, True])
    assert telling({"a": first, "b": second}, "ab", 4).tolist() == [0, 2, 3]
    assert telling({"a": first, "b": second}, "a", 4).tolist() == [0, 3]
    assert telling({"a": first}, "ab", 4).tolist() == [0, 1, 2, 3]
    assert telling({}, "ab", 3).tolist() == [0, 1, 2]


def test_a_modality_alone_learns_from_the_samples_that_have_it() -> None:
    whole = with_holes(toy_dataset())
    there = np.flatnonzero(whole.train.present["audio"])
    fewer = replace(whole, train=taken(whole.train, there))
    assert 0 < len(fewer.train) < len(whole.train)
    recipe = alone(toy_recipe(), "audio")
    runs = [Run([recipe], data, dtype=torch.float64) for data in (whole, fewer)]
    for run in runs:
        train(run, lambda *_: None)
    assert runs[0].best[0] == pytest.approx(runs[1].best[0], abs=1e-12)


def test_both_modalities_learn_from_all_samples() -> None:
    whole = with_holes(toy_dataset())
    assert Run([toy_recipe()], whole).pool.shape == (1, len(whole.train))
