"""The length of what comes after a search, as it will be packed and shared out."""

from __future__ import annotations

import pytest
from fake_training import fake_recipe

from armtune.recipe.schema import Recipe
from armtune.sweeps.study.retraining_time import lengths, retrainings
from armtune.sweeps.workers.packing import Packing


def recipe(**confirm: int | bool) -> Recipe:
    return fake_recipe(sweep__confirm=confirm)


def counts(of: Recipe) -> list[int]:
    return [len(step) for step in retrainings(of, [of])]


def test_re_trainings_are_counted() -> None:
    assert counts(fake_recipe(sweep__confirm=None)) == []
    assert counts(recipe(top=2, seeds=3, solo=False)) == [6, 0]
    assert counts(recipe(top=2, seeds=3, solo=True)) == [6, 6]


def test_one_by_one_they_take_a_round_for_each_that_trains_at_once() -> None:
    steps = retrainings(recipe(top=1, seeds=5, solo=False), [recipe()])
    assert lengths(steps, Packing(), 1) == 5
    assert lengths(steps, Packing(), 2) == 3


def test_packs_make_them_shorter() -> None:
    # Four at once take twice as long as one, each beyond the first a third of one.
    four = Packing(4, 2.0)
    once = retrainings(recipe(top=1, seeds=8, solo=False), [recipe()])
    assert lengths(once, four, 1) == pytest.approx(2 + 2)
    assert lengths(once, four, 2) == pytest.approx(2)
    six = retrainings(recipe(top=1, seeds=6, solo=False), [recipe()])
    assert lengths(six, four, 1) == pytest.approx(2 + 4 / 3)
    assert lengths(six, four, 2) == pytest.approx(5 / 3)


def test_settings_of_other_programs_are_not_packed_together() -> None:
    narrow, wide = recipe(), fake_recipe(modalities__image__encoder__width=8)
    steps = retrainings(recipe(top=2, seeds=2, solo=False), [narrow, wide])
    assert lengths(steps, Packing(4, 4.0), 1) == 2
    assert (
        lengths(retrainings(recipe(top=2, seeds=2, solo=False), [narrow]), Packing(4, 4.0), 1) == 1
    )


def test_modalities_alone_come_after_the_others_and_share_no_pack() -> None:
    steps = retrainings(recipe(top=1, seeds=4, solo=True), [recipe()])
    assert lengths(steps, Packing(4, 4.0), 1) == 1 + 2
