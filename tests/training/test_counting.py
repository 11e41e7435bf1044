"""How much an update computes, counted."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import torch

from armtune.recipe.load import with_overrides
from armtune.training.counting import Counting, numbers_of_update
from armtune.training.loop import Run
from tests.conftest import TWO, toy_dataset, toy_recipe


def count(width: int = 8, device: str = "cpu", **changes: object) -> float:
    widths = {f"modalities.{m}.encoder.width": width for m in TWO}
    recipe = with_overrides(toy_recipe(), {**widths, **changes})
    return numbers_of_update(Run([recipe], toy_dataset()), device)


def test_the_results_of_operations_are_counted() -> None:
    x = torch.zeros(3, 4)
    with Counting() as counting:
        (x + 1).sum()
    assert (counting.numbers, counting.convolves) == (13, False)


def test_the_same_training_counts_the_same_and_a_larger_one_more() -> None:
    assert count() == count() > 0
    assert count(width=64) > count()
    assert count(**{"training.batch_size": 60}) > count(**{"training.batch_size": 15})


class OneConvolution:
    def train_steps(self, pause: Callable[[], bool]) -> bool:
        torch.nn.functional.conv1d(torch.zeros(1, 1, 5), torch.zeros(1, 1, 2))
        return True


def test_convolutions_have_no_end_on_a_cpu() -> None:
    assert numbers_of_update(OneConvolution(), "cpu") == inf
    assert 4 <= numbers_of_update(OneConvolution(), "cuda") < 100
