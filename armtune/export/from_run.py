"""From a run's folder to a bundle: the chosen trial, or any other that was trained to its end."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from armtune.bundle.manifest import MODEL
from armtune.bundle.target import check_target
from armtune.data import Dataset, Progress
from armtune.datasets._load import load_dataset
from armtune.errors import MissingDataError, RunError
from armtune.export.ensemble_outcomes import ensemble_outcomes
from armtune.export.examples import write_examples
from armtune.export.write import Models, write_bundle, write_models
from armtune.files import absolute
from armtune.recipe.looking import look
from armtune.recipe.schema import Recipe
from armtune.report.references import references_dict
from armtune.report.tables import spread
from armtune.report.verdict import verdict_of
from armtune.sweeps import read_confirmed, read_records, read_result
from armtune.sweeps.study.confirm import check_model, check_written
from armtune.sweeps.study.final import folder_of, model_recipe, winning_model
from armtune.sweeps.study.folder import (
    BEST,
    ELSEWHERE,
    EXAMPLES,
    RECIPE,
    check_same,
    recipe_of,
)
from armtune.sweeps.study.records import Ensemble, Model, SweepResult, TrialRecord
from armtune.sweeps.workers.trial import CHECKPOINT, Confirmation, trial_folder
from armtune.training.samples import Samples
from armtune.training.schedule import begin


def export_winner(
    run: Path,
    to: Path,
    formats: Sequence[str] | None = None,
    progress: Progress | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Writes what a sweep found best as a bundle: its ensemble, or the chosen trial's model.

    Arguments, result and errors are as of ``export_trial``.
    """
    check_target(to)
    number, result = chosen_trial(run), read_result(run)
    ensemble = result.ensemble
    if ensemble is None or not ensemble.stands:
        return export_trial(run, number, to, formats, progress, overrides)
    sweep = recipe_of(run, overrides)
    dataset = _data(run, sweep, progress)
    groups = _groups(sweep, result, ensemble)
    written = [
        Models(
            group[0][1],
            [_file(run, sweep, result, model) for model, _ in group],
            Samples(group[0][1], dataset, "cpu").scales,
            [ensemble.weights[model] for model, _ in group],
        )
        for group in groups
    ]
    about = {
        **_about(sweep, result, number),
        **_refit(result, _model(run, sweep, result, number)),
        "ensemble": ensemble_summary(ensemble, len(groups)),
        **_judged(run, sweep, None),
    }
    target, known = ensemble_outcomes(run, sweep, dataset, ensemble)
    served = replace(dataset, target=target)
    manifest = write_models(to, written, served, about, formats, known=known)
    _show(run, to, dataset, manifest)
    return manifest


def _show(run: Path, to: Path, dataset: Dataset, manifest: Mapping[str, Any]) -> None:
    """Writes for the report what some samples look like, where it is the run's own winner."""
    if absolute(to) == absolute(run / BEST):
        write_examples(run / EXAMPLES, dataset, manifest.get("outcomes", {}))


def _groups(
    sweep: Recipe, result: SweepResult, ensemble: Ensemble
) -> list[list[tuple[Model, Recipe]]]:
    """Models of an ensemble that can lie on one member axis; those that count most come first."""
    groups: dict[str, list[tuple[Model, Recipe]]] = {}
    for model in sorted(ensemble.shares, key=lambda model: -ensemble.shares[model]):
        recipe = model_recipe(sweep, result.records[model.number], model)
        groups.setdefault(_architecture(recipe), []).append((model, recipe))
    return list(groups.values())


def export_trial(
    run: Path,
    number: int,
    to: Path,
    formats: Sequence[str] | None = None,
    progress: Progress | None = None,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Writes a trial's model as a bundle.

    Of the chosen trial, the model that was trained again on all data, if it was. Of another that
    was re-trained, the model of the seed with the highest score on validation; else the trial's
    own. Test metrics stand only where re-training measured them.

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
    sweep, result = recipe_of(run, overrides), read_result(run)
    model = _model(run, sweep, result, number)
    recipe = model_recipe(sweep, record, model)
    dataset = _data(run, recipe, progress)
    about = {
        **_about(sweep, result, number),
        "exported_seed": model.seed,
        **_refit(result, model),
        **_judged(run, sweep, number),
    }
    with tempfile.TemporaryDirectory() as scratch:
        if model.epochs:
            file = _file(run, sweep, result, model)
        elif end := _confirmed(run, model):
            file = check_model(run, number, end)
        else:
            file = _own_file(run, recipe, number, dataset, Path(scratch))
        scales = Samples(recipe, dataset, "cpu").scales
        judge = _judge(run, sweep, result, model, file)
        manifest = write_bundle(to, recipe, file, dataset, scales, about, formats, judge=judge)
    _show(run, to, dataset, manifest)
    return manifest


def _confirmed(run: Path, model: Model) -> Confirmation | None:
    """The re-training that a model is of; None of a trial's own."""
    known = read_confirmed(run).get(model.number, [])
    return next((c for c in known if c.seed == model.seed and not c.reason), None)


def _model(run: Path, sweep: Recipe, result: SweepResult, number: int) -> Model:
    """The model that stands for a trial."""
    refit = winning_model(sweep, result) if number == result.chosen else None
    end = result.finals.get(refit) if refit else None
    if refit and refit.epochs and end and not end.reason:
        return refit
    sound = [c for c in read_confirmed(run).get(number, []) if not c.reason]
    best = max(sound, key=lambda c: c.validation[sweep.data.predicts.score], default=None)
    return Model(number, sweep.training.seed if best is None else best.seed)


def _own_file(run: Path, recipe: Recipe, number: int, dataset: Dataset, scratch: Path) -> Path:
    """A trial's own model, which only its checkpoint holds."""
    trained = begin([recipe], dataset)
    trained.restore(trial_folder(run, number) / CHECKPOINT, unsigned=True)
    trained.save_model(scratch / MODEL)
    return scratch / MODEL


def _file(run: Path, sweep: Recipe, result: SweepResult, model: Model) -> Path:
    """A model of one of the last trainings.

    Raises:
        RunError: it is missing or damaged.
    """
    return check_written(folder_of(run, sweep, model) / MODEL, result.finals[model])


def _judge(
    run: Path, sweep: Recipe, result: SweepResult, model: Model, file: Path
) -> tuple[Recipe, Path] | None:
    """The model itself; of one that was trained on all data, a re-training that wasn't."""
    record = result.records[model.number]
    if not model.epochs:
        return model_recipe(sweep, record, model), file
    sound = [c for c in read_confirmed(run).get(model.number, []) if not c.reason]
    if not sound:
        return None
    own = Model(model.number, sound[0].seed)
    return model_recipe(sweep, record, own), check_model(run, model.number, sound[0])


def _refit(result: SweepResult, model: Model) -> dict[str, Any]:
    """What is known of a model that was trained on all data; nothing of others."""
    if not model.epochs:
        return {}
    return {"refit": {"epochs": model.epochs, "test": result.finals[model].test}}


def _architecture(recipe: Recipe) -> str:
    """What models must have in common to lie on one member axis."""
    encoders = {m: modality.encoder for m, modality in recipe.modalities.items()}
    return repr((encoders, recipe.balancing.fusion(recipe.fusion)))


def _about(sweep: Recipe, result: SweepResult, number: int) -> dict[str, Any]:
    """What is known of a trial."""
    known = read_confirmed(result.folder).get(number, [])
    return {
        "trial": number,
        "chosen_by": sweep.sweep.choose,
        **summary(result.records[number], [c for c in known if not c.reason]),
    }


def ensemble_summary(ensemble: Ensemble, programs: int) -> dict[str, Any]:
    """What is known of an ensemble, as JSON can hold it."""
    return {
        "models": ensemble.models,
        "programs": programs,
        "validation": ensemble.validation,
        "test": ensemble.test,
    }


def _data(run: Path, recipe: Recipe, progress: Progress | None) -> Dataset:
    """The data that a run used: a model is checked on them, and told of by them."""
    try:
        dataset = load_dataset(recipe, run, progress)
    except MissingDataError as error:
        raise MissingDataError(f"{run}: its data are needed: {error}; {ELSEWHERE}") from error
    check_same(run, dataset)
    return dataset


def _judged(run: Path, recipe: Recipe, number: int | None) -> dict[str, Any]:
    """The verdict on a trial, or what is exported, and the references, as far as there are such."""
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


def _spreads(seeds: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Mean and standard deviation of each metric; of one training, which has none, its value."""
    found = {name: spread(seeds, name) for name in seeds[0]}
    if len(seeds) == 1:
        return {name: both[0] for name, both in found.items() if both}
    return {n: {"mean": both[0], "std": both[1]} for n, both in found.items() if both}


def _complete(run: Path, number: int) -> TrialRecord:
    records = {record.number: record for record in read_records(run)}
    if number not in records:
        raise RunError(f"{run}: no trial {number}; it has trials 0 to {max(records, default=0)}")
    record = records[number]
    if record.state != "COMPLETE":
        raise RunError(f"{run}: trial {number} is {record.state}; only COMPLETE ones have a model")
    return record
