"""A run's folder: what a sweep leaves in it at the start, and whether it may go on there."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from armtune import __version__
from armtune.data import Dataset
from armtune.errors import Fault, RecipeError, RunError
from armtune.files import absolute, exists, read_json, write_text
from armtune.recipe.load import content_of, dump_recipe, load_recipe, with_overrides
from armtune.recipe.looking import look
from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.recipe.space import embed_space
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.workers.trial import TRIALS

RECIPE = "recipe.yaml"
BEST = "best"
"""Folder of the exported winner."""
EXAMPLES = "examples.json"
"""What some samples look like by which the winner was judged, for the report."""
ORIGIN = "origin.json"
"""Versions, git commit and data that a run started with."""

ELSEWHERE = "say where they lie: data.path=…"

COMPARISON = "comparison.json"
"""What a comparison leaves in its folder beside the methods' runs."""
WRITTEN = (
    "compare.csv",
    "compare.html",
    "compare.md",
    "compare.png",
    "confirm",
    "costs.json",
    "ensemble",
    EXAMPLES,
    "front.csv",
    "lineage.csv",
    "mean-of-alone.json",
    "population",
    "references",
    "report.html",
    "solo",
    TRIALS,
)
"""What sweeps and comparisons write beside these."""

LIBRARIES = ("numpy", "optuna", "ray", "torch")
FREE = (
    "sweep.choose",
    "sweep.confirm",
    "sweep.ensemble",
    "sweep.pack",
    "sweep.patience",
    "sweep.patience_share",
    "sweep.references",
    "sweep.resources",
    "sweep.refit",
    "sweep.retries",
    "sweep.seconds",
    "sweep.start_from",
    "sweep.trial_seconds",
    "sweep.trials",
)
"""What may change between a sweep and its resumption; the trials may only grow in number."""


def self_contained(recipe: Recipe, folder: Path) -> Recipe:
    """The same recipe, readable from any folder: spaces written into it, paths absolute.

    It says nothing of earlier sweeps that it starts from: what they gave stands in the study.

    Args:
        folder: the recipe's folder.
    """
    located = _located(recipe, folder)
    values = [item for item in recipe.sweep.start_from if not isinstance(item, str)]
    return with_overrides(embed_space(located, folder), {"sweep.start_from": values})


def _located(recipe: Recipe, folder: Path) -> Recipe:
    """The same recipe; paths of its data that exist seen from the folder are absolute."""
    data = recipe.data
    found = {name: _absolute(getattr(data, name), folder) for name in data.paths}
    return recipe.model_copy(update={"data": data.model_copy(update=found)})


def _absolute(named: Any, folder: Path) -> Any:
    """A path, or each of several, as it is seen from everywhere, if it is there."""
    if isinstance(named, Mapping):
        return {name: _absolute(one, folder) for name, one in named.items()}
    return str(absolute(folder / named)) if named and exists(folder / named) else named


def recipe_of(run: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a run, whose data may lie elsewhere than when it was swept.

    Args:
        overrides: changes to ``data``, as on the command line; paths are seen from where one is.

    Raises:
        RecipeError: something else is to change, or the recipe is missing or damaged.
    """
    strangers = [text for text in overrides if not text.strip().startswith("data.")]
    if strangers:
        said = "of a run, only where its data lie may change, such as data.path=mine.npz"
        raise RecipeError([Fault(said, text.partition("=")[0].strip()) for text in strangers])
    recipe = load_recipe(run / RECIPE, overrides, run_files=False)
    return _located(recipe, Path.cwd()) if overrides else recipe


def check_same(run: Path, dataset: Dataset) -> None:
    """Refuses data other than those that a run used.

    Raises:
        RunError: they are others, a stand-in for them perhaps; or the run doesn't say which it had.
    """
    used = used_data(run)
    if dataset.digest != used["digest"]:
        told = f"its sweep used {used['description']}; found is {dataset.description}"
        raise RunError(f"{run}: other data: {told}; {ELSEWHERE}")


def may_start(folder: Path, resume: bool, comparison: bool = False) -> None:
    """Refuses a folder that holds a sweep already, unless that is to be resumed, or others' files.

    Args:
        comparison: whether a comparison is to start there, which no sweep's folder can hold, nor a
            comparison's a sweep.

    Raises:
        RunError: it does; says what to do.
    """
    other, what = (JOURNAL, "sweep") if comparison else (COMPARISON, "comparison")
    if (folder / other).exists():
        said = f"holds a {what}, which its report would no longer show"
        raise RunError(f"{folder} {said}; name an empty or new folder with --to")
    begun = any((folder / name).exists() for name in (RECIPE, JOURNAL, COMPARISON))
    if begun and not resume:
        raise RunError(f"{folder} holds a sweep already: add --resume to go on, or remove it")
    found = [] if begun else [name for name in WRITTEN if os.path.lexists(folder / name)]
    if found:
        said = f"holds {', '.join(found)}, but no sweep: it would write to the same names"
        raise RunError(f"{folder}: {said}; name an empty or new folder with --to")


def enter(
    folder: Path, recipe: Recipe, dataset: Dataset, about: Mapping[str, Any] | None = None
) -> None:
    """Writes recipe and origin at the start; checks them on resuming.

    Args:
        recipe: self-contained.
        about: what else the origin is to say.

    Raises:
        RunError: the folder's sweep is of another recipe or other data, or its journal is gone.
    """
    origin = folder / ORIGIN
    if (folder / RECIPE).exists():
        _check_journal(folder)
        _check_recipe(folder / RECIPE, recipe)
    if origin.exists():
        _check_data(origin, dataset)
    else:
        write_text(origin, json.dumps({**_origin(dataset), **(about or {})}, indent=2) + "\n")
    write_text(folder / RECIPE, dump_recipe(recipe))


def _check_journal(folder: Path) -> None:
    """Refuses to begin anew where trials were trained, and only the record of them is gone."""
    journal = folder / JOURNAL
    trained = len(list((folder / TRIALS).glob("*")))
    if trained and not (journal.is_file() and journal.stat().st_size):
        hint = "restore it, or start anew in another folder with --to"
        raise RunError(f"{journal}: missing or empty, but {trained} trials were trained; {hint}")


def _check_recipe(path: Path, recipe: Recipe) -> None:
    # Where it is that of the sweep to resume, its files have run by now.
    before, now = (dict(_flat(c)) for c in (look(path).content, content_of(recipe)))
    changed = [p for p in sorted({*before, *now}) if before.get(p) != now.get(p)]
    # The members of a population train in step: no one can join them later.
    refused = recipe.sweep.trials < before.get("sweep.trials", 0) or recipe.sweep.pruner.population
    bad = [p for p in changed if not _may_change(p) or (p == "sweep.trials" and refused)]
    if bad:
        lines = [f"  {p}: {before.get(p)!r} then, {now.get(p)!r} now" for p in bad]
        what = "\n".join(lines)
        raise RunError(f"{path}: the sweep to resume has another recipe:\n{what}")
    _check_costs(path, recipe)


def _check_costs(path: Path, recipe: Recipe) -> None:
    """Refuses a rule by costs that weren't measured of the trials before."""
    before, now = (Goals.from_recipe(each).timed for each in (look(path).recipe, recipe))
    if lacking := [cost for cost in now if cost not in before]:
        said = f"{', '.join(lacking)} was not measured, as no goal named it"
        raise RunError(f"{path}: the sweep to resume can't choose by it: {said}")


def _check_data(origin: Path, dataset: Dataset) -> None:
    before = used_data(origin.parent)
    if before["digest"] != dataset.digest:
        then, now = before["description"], dataset.description
        told = f"{then}; now it is {now}" if then != now else f"{then}, but with other contents"
        hint = "put those back, or start anew in another folder with --to"
        raise RunError(f"{origin}: the sweep to resume used other data: {told}; {hint}")


def used_data(folder: Path) -> dict[str, str]:
    """What a run's origin says of its data: ``digest`` and ``description``.

    Raises:
        RunError: it is missing or damaged.
    """
    origin = folder / ORIGIN
    try:
        about = read_json(origin)["data"]
        return {name: str(about[name]) for name in ("digest", "description")}
    except FileNotFoundError as error:
        raise RunError(f"{origin}: missing") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RunError(f"{origin}: damaged: {error}") from error


def _may_change(path: str) -> bool:
    # Data are told apart by their digest; where they lie may change.
    return path.startswith(("data.", *(f"{free}." for free in FREE))) or path in FREE


def _flat(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings by dotted path; an empty mapping is a leaf, as is any list but
    that of the search spaces.
    """
    if path == "sweep.space":
        content = {str(i): space for i, space in enumerate(content)}
    if isinstance(content, Mapping) and content:
        for key, value in content.items():
            yield from _flat(value, f"{path}.{key}" if path else key)
    else:
        yield path, content


def _origin(dataset: Dataset) -> dict[str, Any]:
    return {
        "armtune": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "data": {
            "name": dataset.name,
            "description": dataset.description,
            "digest": dataset.digest,
            "stand_in": dataset.stand_in,
        },
    }


def _commit() -> str | None:
    """The git commit of a checkout that armtune runs from; None elsewhere."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
