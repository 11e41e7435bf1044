"""A comparison from its folder, whether it is over or not; nothing is trained for it."""

from __future__ import annotations

from pathlib import Path

from armtune.comparison import mean_of_alone
from armtune.comparison.cuts import over_cuts
from armtune.comparison.plan import reference_of
from armtune.comparison.record import Record, cut_folder, is_comparison, read_record
from armtune.comparison.run import UNFINISHED, Comparison, Outcome, records_of
from armtune.comparison.timing import kept_cost
from armtune.errors import RunError
from armtune.recipe.looking import look
from armtune.recipe.objectives import Goals
from armtune.sweeps import read_result
from armtune.sweeps.study.confirm import winner_of
from armtune.sweeps.study.folder import RECIPE, used_data


def read_comparison(folder: Path) -> Comparison:
    """Reads a comparison's folder; takes no lock and runs no code.

    Raises:
        RunError: the folder holds no comparison, or a damaged one.
    """
    record = read_record(folder)
    if record.cuts == 1:
        return _one(folder, record)
    places = [cut_folder(folder, k) for k in range(record.cuts)]
    each = [_one(place, read_record(place)) for place in places if is_comparison(place)]
    if not each:
        raise RunError(f"{folder}: none of its {record.cuts} cuts has begun")
    return over_cuts(each)


def best_method(comparison: Comparison) -> str:
    """The method that the recipe's rule picks by the means on validation.

    Raises:
        RunError: none qualifies.
    """
    choice = Goals.from_recipe(comparison.recipe).choice
    outcomes = [o for o in comparison.outcomes if o.method != mean_of_alone.NAME]
    seeds = {k: [s.validation for s in o.sound] for k, o in enumerate(outcomes)}
    # A modality alone has no gap, and doesn't qualify for a rule that reads it.
    known = {
        k: each
        for k, each in seeds.items()
        if each and all(metric in own for own in each for metric in choice.metrics)
    }
    winner = winner_of(known, choice)
    if winner is None:
        rule = comparison.recipe.sweep.choose
        raise RunError(f"no method qualifies for sweep.choose: {rule}; name one with --method")
    return outcomes[winner].method


def run_to_export(folder: Path, method: str | None = None) -> Path:
    """The sweep of a comparison whose model is taken: the best method's, on the first cut.

    Args:
        method: the method, if it isn't the rule that picks it.

    Raises:
        RunError: no method qualifies, there is no such method, or it has no model.
    """
    record, comparison = read_record(folder), read_comparison(folder)
    name = method or best_method(comparison)
    outcome = next((o for o in comparison.outcomes if o.method == name), None)
    if outcome is None:
        raise RunError(f"{folder}: no method {name!r}; there are {', '.join(record.methods)}")
    if name == mean_of_alone.NAME:
        raise RunError(f"{folder}: {name} is several models, each in a sweep of its own")
    if outcome.failure:
        raise RunError(f"{folder}: {name} has no model: {outcome.failure}")
    return (folder if record.cuts == 1 else cut_folder(folder, 0)) / name


def _one(folder: Path, record: Record) -> Comparison:
    recipe, data = look(folder / RECIPE).recipe, used_data(folder)["description"]
    outcomes = [_outcome(folder / method, record) for method in record.methods]
    outcomes += _mean_of_alone(folder)
    return Comparison(recipe, data, reference_of(record.methods), outcomes, record.command)


def _mean_of_alone(folder: Path) -> list[Outcome]:
    found = mean_of_alone.read(folder)
    return [] if found is None else [Outcome(mean_of_alone.NAME, found[0], seeds=found[1])]


def _outcome(run: Path, record: Record) -> Outcome:
    ended = record.ended.get(run.name)
    if ended is None:
        return Outcome(run.name, UNFINISHED, records_of(run))
    if ended.failure:
        return Outcome(run.name, ended.failure, records_of(run), notes=ended.notes)
    result = read_result(run)
    if result.chosen is None:
        raise RunError(f"{run}: its journal isn't the one that was compared")
    seeds, cost = result.confirmed.get(result.chosen, []), kept_cost(run, result.chosen)
    return Outcome(
        run.name, "", result.records, result.chosen, seeds, cost, ended.notes, result.references
    )
