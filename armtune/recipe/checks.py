"""What a recipe needs beyond types: names that fit, metrics that exist, parts that agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import cast

from pydantic import ValidationError

from armtune.datasets import Data
from armtune.errors import Fault, RecipeError
from armtune.metrics import metric_names
from armtune.plugins.registry import plugins
from armtune.recipe.document import Document, Steps
from armtune.recipe.objectives import Choice, Constraint, Objective, best_by
from armtune.recipe.schedule import schedule_faults
from armtune.recipe.schema import Recipe
from armtune.recipe.wording import did_you_mean
from armtune.targets import Discrete, Target, kinds

_GOALS = ("objectives", "constraints", "choose")
"""Keys of a sweep whose texts name metrics."""


def recipe_faults(recipe: Recipe, document: Document) -> list[Fault]:
    """All faults of a recipe whose every value has the right type."""
    checks = (
        _modalities,
        _tokenizers,
        _stand_in,
        _metrics,
        _training,
        _goals,
        _directions,
        _repeated,
        _mode,
        _pack,
        _parts,
        schedule_faults,
    )
    return [fault for check in checks for fault in check(recipe, document)]


def goal_faults(document: Document) -> list[Fault]:
    """Faults of the goals in a document that is no recipe yet, whatever else is wrong with it.

    Told as soon as the data and the modalities' names are in order: goals need no more.
    """
    content = document.content
    try:
        needed = {
            "data": content["data"],
            "modalities": {name: {"encoder": {"name": "mlp"}} for name in content["modalities"]},
            "metrics": content.get("metrics", {}),
            "sweep": {key: content["sweep"][key] for key in _GOALS if key in content["sweep"]},
        }
        part = Recipe.model_validate_json(json.dumps({"name": "goals", **needed}), strict=True)
    except (ValidationError, KeyError, TypeError, AttributeError):
        return []
    return [f for check in (_goals, _directions, _repeated) for f in check(part, document)]


def _modalities(recipe: Recipe, document: Document) -> Iterator[Fault]:
    known = recipe.data.modalities()
    for modality in recipe.modalities:
        if known is not None and modality not in known:
            said = f"the data set {recipe.data.name!r} has no modality {modality!r}"
            hint = did_you_mean(modality, known, otherwise="it has")
            yield document.fault(("modalities", modality), said, hint, at_key=True)


def _tokenizers(recipe: Recipe, document: Document) -> Iterator[Fault]:
    known = getattr(recipe.data, "tokenizers", None)
    for name, modality in recipe.modalities.items():
        encoder = modality.encoder
        if known is not None and encoder.tokenized and name not in known:
            said = f"{encoder.name} reads tokens, and {recipe.data.name} gives numbers of words"
            hint = f"data.tokenizers would name the tokenizer of {name}"
            yield document.fault(("modalities", name, "encoder"), said, hint)


def _stand_in(recipe: Recipe, document: Document) -> Iterator[Fault]:
    name, steps = recipe.data.otherwise, ("data", "otherwise")
    others = [n for n in plugins("datasets") if n != recipe.data.name]
    if name is None:
        return
    if name == recipe.data.name:
        yield document.fault(steps, "a data set can't stand in for itself")
    elif name not in others:
        hint = did_you_mean(name, others, otherwise="there are")
        yield document.fault(steps, f"no data set is called {name!r}", hint)
    else:
        said = _unfit(name, recipe)
        if said:
            yield document.fault(steps, f"{name!r} can't stand in: {said}")


def _unfit(name: str, recipe: Recipe) -> str:
    """Why a data set with its default options can't serve this recipe; empty when it can."""
    try:
        data = cast(Data, plugins("datasets")[name]())
    except ValidationError as error:
        return f"it has no default for {', '.join(str(e['loc'][0]) for e in error.errors())}"
    if data.predicts is not recipe.data.predicts:
        return f"it has {data.predicts.kind}, not {recipe.data.predicts.kind}"
    known = data.modalities() or ()
    lacking = [m for m in recipe.modalities if m not in known]
    return f"it has {', '.join(known)}, not {', '.join(lacking)}" if lacking else ""


def _metrics(recipe: Recipe, document: Document) -> Iterator[Fault]:
    target = recipe.data.predicts
    for name, measure in recipe.metrics.items():
        if name in metric_names(recipe.modalities, target):
            said = f"{name!r} is measured already; give yours another name"
            yield document.fault(("metrics", name), said, at_key=True)
        if said := measure.misfit(target):
            yield document.fault(("metrics", name, measure.said_by), said)


def _directions(recipe: Recipe, document: Document) -> Iterator[Fault]:
    """Objectives and choices that ask for the worst of a metric of the recipe's own."""
    for steps, objective in _wanted(recipe):
        measure = recipe.metrics.get(objective.metric)
        if measure and measure.better and measure.better != objective.direction:
            word = "higher" if measure.better == "maximize" else "lower"
            said = f"{objective.metric} ({measure.name}) is better the {word} it is"
            yield document.fault(steps, said, f"{measure.better} it")


def _wanted(recipe: Recipe) -> Iterator[tuple[Steps, Objective]]:
    """What is wanted most or least of, and where that stands."""
    for i, text in enumerate(recipe.sweep.objectives):
        with suppress(ValueError):
            yield ("sweep", "objectives", i), Objective.parse(text)
    if recipe.sweep.choose != best_by(recipe.sweep.objectives[0]):
        with suppress(ValueError):
            choice = Choice.parse(recipe.sweep.choose)
            for objective in filter(None, (choice.objective, choice.then)):
                yield ("sweep", "choose"), objective


def refuse_unserved(recipe: Recipe, target: type[Target]) -> None:
    """Refuses what isn't defined for the target that the data turned out to have.

    Raises:
        RecipeError: the balancing method or a metric isn't.
    """
    parts = {"balancing.name": recipe.balancing.misfit(list(recipe.modalities), target)}
    parts |= {f"metrics.{name}.{m.said_by}": m.misfit(target) for name, m in recipe.metrics.items()}
    parts |= {f"training.{option}": why(recipe, target) for option, why in FOR_LABELS.items()}
    faults = [Fault(problem, path) for path, problem in parts.items() if problem]
    if faults:
        raise RecipeError(faults)


def _smoothing(recipe: Recipe, target: type[Target]) -> str:
    """Why labels can't be smoothed; empty where they can, or aren't."""
    if not recipe.training.label_smoothing or issubclass(target, Discrete):
        return ""
    return f"target {target.kind} has no labels to smooth; leave it out"


def _mixing(recipe: Recipe, target: type[Target]) -> str:
    """Why samples can't be mixed; empty where they can, or aren't."""
    if not recipe.training.mixup:
        return ""
    if not issubclass(target, Discrete):
        return f"target {target.kind} has no classes to mix; leave it out"
    tokens = [m for m, own in recipe.modalities.items() if own.encoder.reads_tokens]
    return f"token numbers can't be mixed, as {tokens[0]} has them; leave it out" if tokens else ""


FOR_LABELS = {"label_smoothing": _smoothing, "mixup": _mixing}
"""Options of a training that not every target can do with, and what says why."""


def _training(recipe: Recipe, document: Document) -> Iterator[Fault]:
    for option, why in FOR_LABELS.items():
        if said := why(recipe, recipe.data.predicts):
            yield document.fault(("training", option), said)


def _goals(recipe: Recipe, document: Document) -> Iterator[Fault]:
    names = [*metric_names(recipe.modalities, recipe.data.predicts), *recipe.metrics]
    for steps, text, metrics_of in _goal_texts(recipe):
        try:
            unknown = [metric for metric in metrics_of(text) if metric not in names]
        except ValueError as error:
            yield document.fault(steps, str(error))
            continue
        for metric in unknown:
            yield document.fault(steps, *_unknown(metric, names, recipe))
    yield from _unknown_error(recipe, document)
    for steps, bound in _bounds(recipe):
        if said := bound.unreachable:
            yield document.fault(steps, said)


def _unknown_error(recipe: Recipe, document: Document) -> Iterator[Fault]:
    """A choice within the standard error of what has none."""
    score = recipe.data.predicts.score
    with suppress(ValueError):
        choice = Choice.parse(recipe.sweep.choose)
        if choice.then and choice.objective and choice.objective.metric != score:
            said = f"the standard error is that of {score}, not of {choice.objective.metric}"
            yield document.fault(("sweep", "choose"), said)


def _bounds(recipe: Recipe) -> Iterator[tuple[Steps, Constraint]]:
    """Each bound on a metric and where it stands; texts that can't be read are left out."""
    for i, text in enumerate(recipe.sweep.constraints):
        with suppress(ValueError):
            yield ("sweep", "constraints", i), Constraint.parse(text)
    with suppress(ValueError):
        for constraint in Choice.parse(recipe.sweep.choose).constraints:
            yield ("sweep", "choose"), constraint


def _unknown(metric: str, names: Sequence[str], recipe: Recipe) -> tuple[str, str]:
    """What is wrong with a metric that isn't measured, and which there are."""
    own = recipe.data.predicts.kind
    others = [
        k for k, target in kinds().items() if metric in metric_names(recipe.modalities, target)
    ]
    if others:
        said = f"{metric!r} is a metric of target {others[0]}, not of {own}"
        return said, f"there are {', '.join(names)}"
    return f"no metric is called {metric!r}", did_you_mean(metric, names, otherwise="there are")


def _goal_texts(recipe: Recipe) -> Iterator[tuple[Steps, str, Callable[[str], list[str]]]]:
    """Each text with a metric in it: where it stands, and how to read its metrics."""
    for i, text in enumerate(recipe.sweep.objectives):
        yield ("sweep", "objectives", i), text, lambda t: [Objective.parse(t).metric]
    for i, text in enumerate(recipe.sweep.constraints):
        yield ("sweep", "constraints", i), text, lambda t: [Constraint.parse(t).metric]
    # What follows from the first objective is at fault where that one is.
    if recipe.sweep.choose != best_by(recipe.sweep.objectives[0]):
        yield ("sweep", "choose"), recipe.sweep.choose, lambda t: Choice.parse(t).metrics


def goals(recipe: Recipe) -> Iterator[tuple[Steps, list[str]]]:
    """Where metrics are named as goals, and which; texts that can't be read are left out."""
    for steps, text, metrics_of in _goal_texts(recipe):
        with suppress(ValueError):
            yield steps, metrics_of(text)


def _repeated(recipe: Recipe, document: Document) -> Iterator[Fault]:
    seen: set[str] = set()
    for i, text in enumerate(recipe.sweep.objectives):
        with suppress(ValueError):
            metric = Objective.parse(text).metric
            if metric in seen:
                said = f"{metric!r} is an objective already"
                yield document.fault(("sweep", "objectives", i), said)
            seen.add(metric)


def _mode(recipe: Recipe, document: Document) -> Iterator[Fault]:
    sweep = recipe.sweep
    with suppress(ValueError):
        names = [Objective.parse(text).metric for text in sweep.objectives]
        given = [(key, m) for key in ("weights", "ideal") for m in getattr(sweep, key)]
        for key, metric in given:
            steps = ("sweep", key, metric)
            if sweep.mode != "scalar":
                yield document.fault(steps, f"mode {sweep.mode} has no {key}; scalar has")
            elif metric not in names:
                hint = did_you_mean(metric, names, otherwise="there are")
                yield document.fault(steps, f"{metric!r} is no objective", hint, at_key=True)
    if sweep.mode == "constrained" and not sweep.constraints:
        said = f"constrained needs constraints, such as weakest_{recipe.data.predicts.score} >= 0.4"
        yield document.fault(("sweep", "mode"), said)


def _pack(recipe: Recipe, document: Document) -> Iterator[Fault]:
    pack = recipe.sweep.pack
    if pack not in (1, "auto") and recipe.sweep.trial_seconds:
        said = "a pack's members share their time, so sweep.trial_seconds can't hold for each"
        yield document.fault(("sweep", "pack"), said, "set it to 1, or leave the limit out")
    resources = recipe.sweep.resources
    if resources.workers > 1:
        if 0 < resources.gpu < 1:
            said = "workers that train a trial together need a GPU each"
            yield document.fault(("sweep", "resources", "gpu"), said, "set it to 1")
        if recipe.training.folds != 1:
            said = "trials that several workers train together have no folds"
            yield document.fault(("training", "folds"), said, "set it to 1")
        if pack not in (1, "auto"):
            said = "trials that several workers train together can't be packed"
            yield document.fault(("sweep", "pack"), said, "set it to 1")
        if recipe.sweep.pruner.population:
            said = f"{recipe.sweep.pruner.name} trains each trial with one worker"
            yield document.fault(("sweep", "resources", "workers"), said, "set it to 1")


def _parts(recipe: Recipe, document: Document) -> Iterator[Fault]:
    sweep = recipe.sweep
    judged = len(sweep.objectives) if sweep.mode == "pareto" else 1
    modalities = list(recipe.modalities)
    problems: dict[Steps, str] = {
        ("balancing", "name"): recipe.balancing.misfit(modalities, recipe.data.predicts),
        ("sweep", "pruner", "name"): sweep.pruner.problem(judged),
    }
    for steps, problem in problems.items():
        if problem:
            yield document.fault(steps, problem)
