"""What a comparison runs: for each method a recipe that differs from the others' in the method."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from armtune.balancing import Balancing
from armtune.errors import Fault, RecipeError
from armtune.plugins.registry import plugins
from armtune.recipe.document import Document
from armtune.recipe.entries import Entry, read_entries
from armtune.recipe.given import RecipeSource
from armtune.recipe.load import content_of, document_of, with_overrides
from armtune.recipe.schema import Confirm, Recipe
from armtune.recipe.schema_tree import value_at
from armtune.recipe.shipped import is_shipped_space, spaces_folder
from armtune.recipe.space import load_space
from armtune.recipe.start_checks import unmade
from armtune.recipe.wording import did_you_mean

NONE = "none"
"""The method that does nothing: what the others are compared with, if it takes part."""
ALL = "all"
"""Stands for every method in a list of them."""
OPTION = "command line --methods"


@dataclass(frozen=True)
class Contender:
    """A method that takes part.

    Attributes:
        recipe: its sweep; None when the method can't serve the recipe's modalities.
        note: why it can't, or what else the user should know of its sweep.
    """

    method: str
    recipe: Recipe | None
    note: str = ""


def methods_of(text: str) -> list[str]:
    """The methods of a list such as ``none,arm``, each once; ``all`` stands for all there are.

    Raises:
        RecipeError: holds a fault for each that doesn't exist, or one when there are too few.
    """
    known = list(plugins("balancing"))
    listed = (name.strip() for name in text.split(",") if name.strip())
    every = (NONE, *known)
    names = list(dict.fromkeys(n for name in listed for n in (every if name == ALL else [name])))
    unknown = [name for name in names if name not in known]
    faults = [_unknown(name, known) for name in unknown]
    if not faults and len(names) < 2:
        hint = f"there are {', '.join(known)}"
        faults = [Fault("needs two methods or more, such as none,arm", file=OPTION, hint=hint)]
    if faults:
        raise RecipeError(faults)
    return names


def reference_of(methods: Sequence[str]) -> str:
    """The method that the others are compared with: ``none``, or else the first."""
    return NONE if NONE in methods else methods[0]


def budgeted(recipe: Recipe, path: RecipeSource, trials: int | None, seeds: int | None) -> Recipe:
    """The recipe with what every method gets: trials, and its best one re-trained over the seeds.

    Args:
        path: the recipe's file, to say where a fault is.
        trials: number of trials; None for the recipe's own.
        seeds: number of seeds; None for the recipe's own.

    Raises:
        RecipeError: there is but one modality, so that nothing can be out of balance.
    """
    if len(recipe.modalities) < 2:
        said = "a comparison of balancing methods needs two modalities or more"
        raise RecipeError([document_of(path).fault(("modalities",), said)])
    own = recipe.sweep.confirm or Confirm()
    confirm = {"top": 1, "seeds": seeds or own.seeds, "solo": False}
    return with_overrides(
        recipe,
        {
            "sweep.trials": trials or recipe.sweep.trials,
            "sweep.confirm": confirm,
            # Methods are compared by their own models.
            "sweep.ensemble": "off",
            # An earlier sweep of one method would give that method a lead.
            "sweep.start_from": [],
        },
    )


def contenders(recipe: Recipe, folder: Path, methods: Sequence[str]) -> list[Contender]:
    """Each method's sweep: the recipe's own, but for the method and the ranges of its options.

    The ranges are the recipe's that aren't about balancing, and those of the method: the recipe's
    own ranges if it is the recipe's method and it has any, else those of ``<method>.yaml``.

    Args:
        folder: the recipe's folder, from which its spaces' files are taken.

    Raises:
        RecipeError: holds every fault of the methods' search spaces.
    """
    found, faults = [], list[Fault]()
    for method in methods:
        try:
            found.append(_contender(recipe, folder, method))
        except RecipeError as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise RecipeError(faults)
    return found


def _unknown(name: str, known: list[str]) -> Fault:
    hint = did_you_mean(name, known, otherwise="there are")
    return Fault(f"{name!r} is no balancing method", file=OPTION, hint=hint)


def _contender(recipe: Recipe, folder: Path, method: str) -> Contender:
    own = recipe.balancing.name == method
    balancing = recipe.balancing if own else plugins("balancing")[method]()
    assert isinstance(balancing, Balancing), "a balancing method"
    lacking = (said for _, said in unmade(recipe, method))
    problem = balancing.misfit(list(recipe.modalities), recipe.data.predicts) or next(lacking, "")
    if problem:
        return Contender(method, None, problem)
    space, note = _space(recipe, folder, method)
    changed = with_overrides(
        recipe,
        {
            "name": f"{recipe.name}-{method}",
            # Whole, so that no option of the recipe's method gets into another's.
            "balancing": balancing.model_dump(mode="json"),
            "sweep.space": space,
        },
    )
    if not load_space(changed, folder).dimensions:
        changed = with_overrides(changed, {"sweep.trials": 1})
        note = "; ".join([*([note] if note else []), "nothing to search, so one trial is all"])
    return Contender(method, changed, note)


def _space(recipe: Recipe, folder: Path, method: str) -> tuple[list[str | dict[str, Any]], str]:
    """A method's search space, and a note if its options have no ranges."""
    entries = read_entries(recipe.sweep.space, Document(content_of(recipe)), folder).good
    shared = written(entry for entry in entries if not _about_balancing(entry))
    own = written(entry for entry in entries if _of_method(entry, method))
    if method == recipe.balancing.name and own:
        return [{**shared, **own}], ""
    items: list[str | dict[str, Any]] = [shared] if shared else []
    files = [str(place / f"{method}.yaml") for place in _places(recipe, folder)]
    found = next((file for file in files if (folder / file).is_file()), "")
    if found or plugins("balancing")[method].model_fields.keys() == {"name"}:
        return [*items, *([found] if found else [])], ""
    looked = " or ".join(os.path.normpath(folder / file) for file in files)
    return items, f"its options stay at their defaults, for there is no {looked}"


def _places(recipe: Recipe, folder: Path) -> list[Path]:
    """Folders of search spaces, from the recipe's: where its own lie, then the usual ones."""
    named = [item for item in recipe.sweep.space if isinstance(item, str)]
    own = [spaces_folder() if is_shipped_space(n, folder) else Path(n).parent for n in named]
    return list(dict.fromkeys([*own, Path("search_spaces"), Path("../search_spaces")]))


def written(entries: Iterable[Entry]) -> dict[str, Any]:
    """Ranges as a search space holds them."""
    return {e.path: value_at(e.document.content, e.steps) for e in entries}


def _about_balancing(entry: Entry) -> bool:
    """Whether a range is of the balancing method's options, or depends on the method."""
    return any(path.startswith("balancing.") for path in (entry.path, *entry.dimension.when))


def _of_method(entry: Entry, method: str) -> bool:
    """Whether a range is of the options of one method."""
    methods = entry.dimension.when.get("balancing.name", (method,))
    return _about_balancing(entry) and entry.path != "balancing.name" and method in methods
