"""From a run's folder to a bundle: the chosen trial, or any other that was trained to its end."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from armtune.bundle.manifest import MODEL
from armtune.bundle.target import check_target
from armtune.data import Dataset, Progress
from armtune.datasets._load import load_dataset
from armtune.errors import MissingDataError, RunError
from armtune.export.write import write_bundle
from armtune.recipe.load import with_overrides
from armtune.recipe.looking import look
from armtune.recipe.schema import Recipe
from armtune.report.references import references_dict
from armtune.report.tables import spread
from armtune.report.verdict import verdict_of
from armtune.sweeps import read_confirmed, read_records, read_result
from armtune.sweeps.study.confirm import check_model
from armtune.sweeps.study.folder import ELSEWHERE, RECIPE, check_same, recipe_of
from armtune.sweeps.study.records import TrialRecord
from armtune.sweeps.workers.trial import CHECKPOINT, Confirmation
from armtune.training.loop import Run


def export_trial(
    run: Path,
    number: int,
    to: Path,
    formats: Sequence[str] | None = None,
    progress: Progress | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Writes a trial's model as a bundle.

    Of a trial that was re-trained, the model of the seed with the highest score on validation; of
    another, the trial's own. Test metrics stand only where re-training measured them.

    Args:
        run: a sweep's folder, such as ``runs/avmnist``.
        formats: as ``write_bundle`` takes them.
        progress: told about data that must be built anew.
        overrides: changes to ``data``, where they lie elsewhere by now.

    Returns:
        the bundle's manifest.

    Raises:
        RunError: no such trial, or it wasn't trained to its full length; or its model is gone; or
            the data are others; or as ``write_bundle``.
        RecipeError: the run's recipe names files of plug-ins, and they haven't run.
        DataError: the data are missing or damaged.
    """
    check_target(to)
    record = _complete(run, number)
    sweep = recipe_of(run, overrides)
    sound = [c for c in read_confirmed(run).get(number, []) if not c.reason]
    best = max(sound, key=lambda c: c.validation[sweep.data.predicts.score], default=None)
    seed = {} if best is None else {"training.seed": best.seed}
    recipe = with_overrides(sweep, {**record.values, **seed})
    dataset = _data(run, recipe, progress)
    run_of_model = Run([recipe], dataset)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / MODEL
        if best is None:
            run_of_model.restore(run / "trials" / f"{number:04d}" / CHECKPOINT, unsigned=True)
            run_of_model.save_model(model)
        else:
            model = check_model(run, number, best)
        about = {
            "trial": number,
            "chosen_by": sweep.sweep.choose,
            **summary(record, sound),
            "exported_seed": recipe.training.seed,
            **_judged(run, sweep, number),
        }
        return write_bundle(to, recipe, model, dataset, run_of_model.scales, about, formats)


def _data(run: Path, recipe: Recipe, progress: Progress | None) -> Dataset:
    """The data that a run used: a model is checked on them, and told of by them."""
    try:
        dataset = load_dataset(recipe, run, progress)
    except MissingDataError as error:
        raise MissingDataError(f"{run}: its data are needed: {error}; {ELSEWHERE}") from error
    check_same(run, dataset)
    return dataset


def _judged(run: Path, recipe: Recipe, number: int) -> dict[str, Any]:
    """The verdict on a trial and the references, as far as there are such."""
    result = read_result(run)
    lines = verdict_of(result, recipe.data.predicts.score, recipe.sweep.choose, number)
    found = {"references": references_dict(result.references)} if result.references else {}
    return {**({"verdict": lines} if lines else {}), **found}


def summary(record: TrialRecord, confirmed: Sequence[Confirmation]) -> dict[str, Any]:
    """What is known of a trial: its own validation metrics, and mean ± std over the seeds."""
    found: dict[str, Any] = {"validation": record.metrics}
    if confirmed:
        found["seeds"] = [c.seed for c in confirmed]
        found["confirmed_validation"] = _spreads([c.validation for c in confirmed])
        found["confirmed_test"] = _spreads([c.test for c in confirmed])
    return found


def chosen_trial(run: Path) -> int:
    """Number of the trial that the run's ``choose`` rule picks, from its journal alone.

    Raises:
        RunError: no trial qualifies, or the folder holds no sweep.
    """
    number = read_result(run).chosen
    if number is None:
        rule = look(run / RECIPE).recipe.sweep.choose
        raise RunError(f"{run}: no trial qualifies for sweep.choose: {rule}")
    return number


def _spreads(seeds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    found = {name: spread(seeds, name) for name in seeds[0]}
    return {n: {"mean": both[0], "std": both[1]} for n, both in found.items() if both}


def _complete(run: Path, number: int) -> TrialRecord:
    records = {record.number: record for record in read_records(run)}
    if number not in records:
        raise RunError(f"{run}: no trial {number}; it has trials 0 to {max(records, default=0)}")
    record = records[number]
    if record.state != "COMPLETE":
        raise RunError(f"{run}: trial {number} is {record.state}; only COMPLETE ones have a model")
    return record
