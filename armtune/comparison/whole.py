"""A comparison from a recipe to its figures, on the data as they are or on several cuts of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from armtune.comparison.alone import alone_contenders
from armtune.comparison.cuts import OPTION as CUTS
from armtune.comparison.cuts import cut_recipes, over_cuts, refuse_given
from armtune.comparison.plan import Contender, budgeted, contenders, methods_of
from armtune.comparison.record import Record, cut_folder
from armtune.comparison.run import Comparison, compare
from armtune.datasets._load import load_dataset
from armtune.errors import Fault, RecipeError
from armtune.recipe.data_notes import data_notes
from armtune.recipe.given import RecipeSource
from armtune.recipe.schema import Recipe
from armtune.recipe.space import Space, is_open, load_sweep, placed, settled_by_data
from armtune.sweeps import SweepResult
from armtune.sweeps.engines.engine import check_inline
from armtune.sweeps.run import Place, run_sweep, supply
from armtune.sweeps.study.folder import may_start
from armtune.sweeps.study.records import Listener
from armtune.sweeps.workers.trial import TrainingFactory

if TYPE_CHECKING:
    from armtune.data import Dataset, Progress

Listening = Callable[[Recipe], AbstractContextManager[Sequence[Listener]]]
"""Gives what listens to a recipe's sweep while it runs."""
MOST_CUTS = 1000
"""Cuts of the data that a comparison may be over."""


@dataclass(frozen=True)
class Wanted:
    """What is to be compared, and with what means.

    Attributes:
        methods: names with commas between, such as ``none,arm``; ``all`` stands for all there are.
        trials: trials a method; None for the recipe's.
        seeds: seeds each best setting is re-trained with; None for the recipe's.
        cuts: cuts of the data to do it all on.
        alone: whether each modality alone gets a sweep of its own beside the methods.
    """

    methods: str
    trials: int | None = None
    seeds: int | None = None
    cuts: int = 1
    alone: bool = False

    def check(self) -> None:
        """Refuses numbers that the command line would; Python may pass anything.

        Raises:
            RecipeError: holds a fault for each.
        """
        given = {"trials": self.trials, "seeds": self.seeds, "cuts": self.cuts}
        faults = [
            Fault(f"needs a whole number of at least 1, not {n!r}", file=f"command line --{name}")
            for name, n in given.items()
            if not _is_count(n) and (n is not None or name == "cuts")
        ]
        if not faults and self.cuts > MOST_CUTS:
            faults = [Fault(f"can be {MOST_CUTS} at most, not {self.cuts}", file=CUTS)]
        if faults:
            raise RecipeError(faults)


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


@dataclass(frozen=True)
class Prepared:
    """A comparison that is ready to start.

    Attributes:
        name: the recipe's.
        recipes: what all methods have in common, one for each cut.
        each: the methods' sweeps, of each cut.
    """

    name: str
    space: Space
    recipes: Sequence[Recipe]
    each: Sequence[Sequence[Contender]]

    @property
    def sweeps(self) -> list[Contender]:
        """The sweeps on the first cut; all others are like them."""
        return [contender for contender in self.each[0] if contender.recipe is not None]


def prepare(
    path: RecipeSource, overrides: Sequence[str], wanted: Wanted, progress: Progress | None = None
) -> Prepared:
    """Reads a recipe and derives every method's sweep.

    Args:
        progress: told about data that must be built, where they settle what the recipe leaves open.

    Raises:
        RecipeError: the recipe, the methods or their spaces are wrong; holds every fault.
        DataError: the data can't be read.
    """
    wanted.check()
    loaded, space = load_sweep(path, overrides)
    with placed(path, overrides):
        if is_open(loaded):
            dataset = load_dataset(loaded, path.parent, progress)
            loaded, space = settled_by_data(loaded, space, dataset, path.parent)
        equal = budgeted(loaded, path, wanted.trials, wanted.seeds)
        names = methods_of(wanted.methods)
        recipes = cut_recipes(equal, wanted.cuts) if wanted.cuts > 1 else [equal]
        each = [contenders(own, path.parent, names) for own in recipes]
        if wanted.alone:
            each = [
                [*own, *alone_contenders(recipe, path.parent)]
                for own, recipe in zip(each, recipes, strict=True)
            ]
    return Prepared(loaded.name, space, recipes, each)


def load_data(
    prepared: Prepared, place: Place, progress: Progress | None = None
) -> tuple[list[Dataset], list[str]]:
    """The data of every cut, and what should be known of them before anything is trained.

    Args:
        progress: told about data that must be built.

    Raises:
        RecipeError: the data have no cuts, or can't be read by the encoders.
        DataError: the data can't be read.
        RunError: nothing may be written to the folder; see ``may_start``.
    """
    recipes, home = prepared.recipes, place.recipe_folder
    if place.inline:
        check_inline(recipes[0])
    for folder in (place.folder, *(each.folder for each in _places(prepared, place))):
        may_start(folder, place.resume, comparison=True)
    datasets = [load_dataset(own, home, progress) for own in recipes]
    if len(datasets) > 1:
        refuse_given(*datasets[:2])
    return datasets, data_notes(recipes[0], prepared.space.dimensions, datasets[0])


def run_comparison(
    prepared: Prepared,
    datasets: Sequence[Dataset],
    place: Place,
    listening: Listening,
    command: str = "",
) -> Comparison:
    """Runs every method's sweep on every cut, or goes on where an earlier comparison stopped.

    Args:
        command: how it was started, for the report.

    Raises:
        RunError: as of ``run.compare``.
        KeyboardInterrupt: Ctrl-C; what was running goes on with ``place.resume``.
    """
    modalities = tuple(prepared.recipes[0].modalities)
    factory = TrainingFactory(place.recipe_folder, modalities=modalities)

    def train(own: Recipe, folder: Path) -> SweepResult:
        with listening(own) as listeners:
            # Within a comparison a method's sweep starts or goes on, whichever it needs.
            return run_sweep(own, replace(place, folder=folder, resume=True), listeners, factory)

    recipes, places = prepared.recipes, _places(prepared, place)
    # One Ray for all sweeps, so that not each has to start its own.
    with supply(place) as ready:
        ready()
        if len(recipes) > 1:
            names = [contender.method for contender in prepared.each[0]]
            Record(names, command, len(recipes)).write(place.folder)
        todo = zip(recipes, prepared.each, places, datasets, strict=True)
        each = [compare(*own, train, command) for own in todo]
    return over_cuts(each) if len(each) > 1 else each[0]


def _places(prepared: Prepared, place: Place) -> list[Place]:
    """Where each cut's comparison runs."""
    count = len(prepared.recipes)
    if count == 1:
        return [place]
    return [replace(place, folder=cut_folder(place.folder, k)) for k in range(count)]
