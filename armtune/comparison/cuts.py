"""A comparison over several cuts of the data: seeds alone leave out what other splits would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from armtune.comparison.run import UNFINISHED, Comparison, Outcome
from armtune.data import Dataset
from armtune.errors import Fault, RecipeError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.references import Reference, References
from armtune.sweeps import Confirmation
from armtune.sweeps.study.confirm import mean_metrics

SEED = "data.seed"
OPTION = "command line --cuts"


def cut_recipes(recipe: Recipe, count: int) -> list[Recipe]:
    """The recipe with each cut's seed: the recipe's own, and those after it.

    Raises:
        RecipeError: the data set has no such seed.
    """
    first = getattr(recipe.data, "seed", None)
    if not isinstance(first, int):
        said = f"the data set {recipe.data.name} isn't cut by a seed"
        raise RecipeError([Fault(said, file=OPTION, hint="leave --cuts out")])
    return [with_overrides(recipe, {SEED: first + k}) for k in range(count)]


def refuse_given(one: Dataset, other: Dataset) -> None:
    """Refuses cuts of data whose test split is given, and so the same in all of them.

    Raises:
        RecipeError: the test split is the same.
    """
    first, second = one.test, other.test
    if len(first) != len(second) or not np.array_equal(first.labels, second.labels):
        return
    if all(np.array_equal(first.views[m][:], second.views[m][:], True) for m in one.shapes):
        said = "the data come with a test split of their own, which no seed changes"
        hint = "leave --cuts out, or the split out of the data"
        raise RecipeError([Fault(said, file=OPTION, hint=hint)])


def over_cuts(each: Sequence[Comparison]) -> Comparison:
    """One comparison whose figures are those of each cut, means over its seeds."""
    methods = [outcome.method for outcome in each[0].outcomes]
    outcomes = [_outcome(method, [_of(method, cut) for cut in each]) for method in methods]
    known = [c.references for c in each if c.references is not None]
    if len(known) == len(each):
        outcomes[0] = replace(outcomes[0], references=_references(known))
    return replace(each[0], outcomes=outcomes, over="cuts")


def _of(method: str, cut: Comparison) -> Outcome:
    """A method's outcome in a cut, which may not have come to it."""
    begun = (outcome for outcome in cut.outcomes if outcome.method == method)
    return next(begun, Outcome(method, UNFINISHED))


def _outcome(method: str, cuts: Sequence[Outcome]) -> Outcome:
    """A method's outcome; a cut in which it failed is left out of it."""
    sound = {k: cut.sound for k, cut in enumerate(cuts) if not cut.failure}
    seeds = [
        Confirmation(
            k, mean_metrics([s.validation for s in own]), mean_metrics([s.test for s in own])
        )
        for k, own in sound.items()
    ]
    said = [f"cut {k}: {cut.failure}" for k, cut in enumerate(cuts) if cut.failure]
    notes = [*said, *(f"cut {k}: {note}" for k, cut in enumerate(cuts) for note in cut.notes)]
    records = [record for cut in cuts for record in cut.records]
    if not seeds:
        return Outcome(method, cuts[0].failure, records, notes=notes)
    cost = next((cut.cost for cut in cuts if cut.cost is not None), None)
    return Outcome(method, "", records, None, seeds, cost, notes)


def _references(each: Sequence[References]) -> References:
    """Means over the cuts of what was measured in all of them."""
    columns = zip(*(references.found for references in each), strict=True)
    return replace(each[0], found=tuple(map(_reference, columns)))


def _reference(cuts: Sequence[Reference]) -> Reference:
    late = next((cut for cut in cuts if not cut.measured), None)
    if late is not None:
        return late
    missing = mean_metrics([cut.missing for cut in cuts])
    scores = {
        split: fmean(value for cut in cuts if (value := getattr(cut, split)) is not None)
        for split in ("validation", "test")
    }
    seconds = sum(cut.seconds for cut in cuts)
    return replace(cuts[0], missing=missing, seconds=seconds, **scores)  # type: ignore[arg-type]
