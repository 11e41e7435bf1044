"""The model card: what a bundle's model is, was measured to do, and may be used for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from armtune.recipe.objectives import Goals
from armtune.recipe.schema import Recipe
from armtune.report.tables import figure
from armtune.targets import restored
from armtune.text.escapes import for_code, for_markdown

Figures = Mapping[str, Any]


def model_card(recipe: Recipe, about: Figures, metrics: Figures) -> str:
    """The card as Markdown.

    Args:
        about: the bundle's manifest, without checksums.
        metrics: the bundle's metrics, as ``winner.summary`` or ``armtune train`` have them.
    """
    lines = [
        f"# Model card: {recipe.name}",
        "",
        *_stand_in(about["data"]),
        *_verdict(metrics),
        *_model(recipe, about, metrics),
        *_data(about["data"]),
        *_ensemble(about, metrics),
        *_measured(recipe, metrics),
        *_calibration(about),
        *_references(metrics),
        *_modalities(recipe, metrics),
        *_failures(recipe, about),
        *_use(recipe),
        *_files(about),
    ]
    return "\n".join(lines)


def _stand_in(data: Figures) -> Iterator[str]:
    if data["stand_in"]:
        yield "> **NOT THE DATA THAT WERE ASKED FOR.** Trained and measured on a stand-in:"
        yield f"> {for_markdown(data['used'])}."
        yield "> None of its figures say anything about the data set that the recipe names."
        yield ""


def _model(recipe: Recipe, about: Figures, metrics: Figures) -> Iterator[str]:
    yield "## Model"
    yield ""
    yield for_markdown(restored(about["target"]).summary)
    yield ""
    yield "| modality | a sample's shape | encoder |"
    yield "|---|---|---|"
    for m, modality in recipe.modalities.items():
        shape = " × ".join(map(str, about["shapes"][m])) or "one number"
        yield f"| {m} | {shape} | {for_markdown(modality.encoder.name)} |"
    yield ""
    fusion, balancing = (for_markdown(each.name) for each in (recipe.fusion, recipe.balancing))
    yield f"Fusion: {fusion}. Balancing: {balancing}."
    if recipe.training.schedule:
        yield ""
        yield from _schedule(recipe)
    if "trial" in metrics:
        rule = for_markdown(metrics["chosen_by"])
        yield f"Trial {metrics['trial']} of a sweep, whose rule is: {rule}."
        yield from _exported(metrics)
    yield ""


def _exported(metrics: Figures) -> Iterator[str]:
    """Which trainings the weights are of."""
    if "ensemble" in metrics:
        count, programs = len(metrics["ensemble"]["models"]), metrics["ensemble"]["programs"]
        yield f"In its place an ensemble is exported: {count} models in {programs} programs, whose"
        yield "outputs are summed with weights. The settings above are those of the one that counts"
        yield "most."
        return
    yield f"Exported with the weights of seed {metrics['exported_seed']}."
    if "refit" in metrics:
        yield "They were trained on training and validation samples together, for"
        yield f"{metrics['refit']['epochs']} epochs: the best epoch in the median of the seeds."


def _ensemble(about: Figures, metrics: Figures) -> Iterator[str]:
    """The models of an ensemble, and what it gained."""
    if "ensemble" not in metrics:
        return
    yield "## Ensemble"
    yield ""
    yield "Its outputs are a weighted sum of its models' fused decisions and their heads of each"
    yield "modality. The weights have the lowest loss on validation; none is negative (stacking;"
    yield "Breiman, 1996). For each set of modalities that are there, there are other weights. The"
    yield "shares below are those of all a model's outputs where everything is there."
    yield ""
    yield "| trial | seed | share | epochs on training and validation samples |"
    yield "|---|---|---|---|"
    for model in metrics["ensemble"]["models"]:
        epochs = model["epochs"] or "trained on training samples alone"
        yield f"| {model['number']} | {model['seed']} | {model['share']:.2f} | {epochs} |"
    yield ""
    yield f"It has {about['parameters']:,} parameters."
    yield "Its validation figures are those of the models before they saw validation samples. Since"
    yield "its weights were found by them, they flatter it; the test figures don't."
    yield ""


def _schedule(recipe: Recipe) -> Iterator[str]:
    yield "Its settings changed while it trained; the recipe's own are those of the first epoch:"
    yield ""
    for change in recipe.training.schedule:
        values = ", ".join(f"{path} = {value:.4g}" for path, value in change.values.items())
        yield f"- after epoch {change.epoch}: {values}"
    yield ""


def _data(data: Figures) -> Iterator[str]:
    yield "## Data"
    yield ""
    yield f"{for_markdown(data['used'])}."
    yield f"Digest of sources and options: `{for_code(data['digest'])}`."
    yield ""


def _measured(recipe: Recipe, metrics: Figures) -> Iterator[str]:
    yield "## Measured"
    yield ""
    if len(metrics.get("seeds", ())) > 1:
        yield f"Mean ± standard deviation over trainings with {len(metrics['seeds'])} seeds."
    else:
        yield "One training, without repetition over seeds."
    yield "Validation chose the epoch, and in a sweep the trial; test figures decided nothing."
    yield from _columns(metrics)
    yield ""
    target = recipe.data.predicts
    own = [*(metric.name for metric in target.own), *recipe.metrics]
    unimodal = [f"unimodal_{target.score}/{m}" for m in recipe.modalities]
    costs = Goals.from_recipe(recipe).costs
    names = [*own, "loss", f"weakest_{target.score}", "contribution_gap", *unimodal, *costs]
    yield from _table("metric", {name: name for name in names}, metrics)
    yield from (f"- {metric.name}: {metric.meaning}" for metric in target.own)
    for name, measure in recipe.metrics.items():
        said = for_code(getattr(measure, measure.said_by))
        yield f"- {name}: `{said}`, as the recipe asks for it"
    yield f"- loss: {target.loss}"
    yield ""


def _calibration(about: Figures) -> Iterator[str]:
    """What was fitted so that probabilities are as right as they say."""
    known = about.get("calibration")
    if not known:
        return
    target = about["target"]
    yield "## Calibration"
    yield ""
    yield f"Outputs are divided by a temperature of {known['temperature']:.3g} before they become"
    yield f"probabilities. It was fitted on {known['samples']} samples that the model hadn't"
    yield "learnt, and changes what is likeliest nowhere. The figures above are without it."
    if "ensemble" in about:
        yield "The same samples set what each model of the ensemble counts."
    if target.get("thresholds"):
        pairs = zip(target["names"], target["thresholds"], strict=True)
        each = ", ".join(f"{for_markdown(name)} {bound:.3g}" for name, bound in pairs)
        yield f"Thresholds of labels, fitted on the same samples: {each}."
    yield ""
    yield "| on these samples | before | after |"
    yield "|---|---|---|"
    for name, before in known["before"].items():
        yield f"| {name} | {before:.4f} | {known['after'][name]:.4f} |"
    yield ""


def _verdict(metrics: Figures) -> Iterator[str]:
    for line in metrics.get("verdict", ()):
        yield f"> **{line}**" if line.startswith("Warning") else f"> {line}"
        yield ">"
    if metrics.get("verdict"):
        yield ""


def _references(metrics: Figures) -> Iterator[str]:
    known = metrics.get("references")
    if not known:
        return
    yield "## Simple models on the same data"
    yield ""
    yield f"| {known['score']} | validation | test |"
    yield "|---|---|---|"
    for each in known["references"]:
        test = each["reason"] or _figure(each["test"])
        yield f"| {each['name']} | {_figure(each['validation'])} | {test} |"
    yield ""
    yield "Fitted on training samples for validation, and again on both for test."
    yield ""


def _modalities(recipe: Recipe, metrics: Figures) -> Iterator[str]:
    yield "## What each modality contributes"
    yield ""
    score = recipe.data.predicts.score
    yield f"Each modality's Shapley value in {score}; `contribution_gap` is the largest minus the"
    yield "smallest."
    yield ""
    yield from _table("modality", {m: f"contribution/{m}" for m in recipe.modalities}, metrics)
    yield "## When a modality is missing"
    yield ""
    yield f"Its mean feature over training samples stands in for it, and this {score} is left:"
    yield ""
    yield from _table("missing", {m: f"missing/{m}" for m in recipe.modalities}, metrics)


def _failures(recipe: Recipe, about: Figures) -> Iterator[str]:
    """What is left where a modality is there, but isn't what it should be."""
    known = about.get("robustness")
    if not known:
        return
    score = recipe.data.predicts.score
    yield "## When a modality fails"
    yield ""
    yield f"The {score} on {known['samples']} samples that the model hadn't learnt is"
    yield f"{known['intact']:.4f} with nothing amiss; and with noise of one standard deviation"
    yield "added to a modality, or another sample's in its place, of which the model isn't told, as"
    yield "follows. Where a sensor is known to fail, leave its modality out."
    yield ""
    yield "| modality | noise added | another sample's |"
    yield "|---|---|---|"
    for m, scores in known["modalities"].items():
        yield f"| {m} | {_figure(scores.get('noise'))} | {_figure(scores['another'])} |"
    yield ""


def _use(recipe: Recipe) -> Iterator[str]:
    names = ", ".join(recipe.modalities)
    yield "## Intended use"
    yield ""
    yield f"For samples of {names} that were recorded and prepared as those of the data set"
    yield f"`{for_code(recipe.data.name)}`, as `recipe.yaml` describes. Nothing was measured on"
    yield "other data, nor on groups of samples apart: measure there before you rely on it there."
    yield ""


def _files(about: Figures) -> Iterator[str]:
    yield "## Files"
    yield ""
    yield "`predict.py` runs the model without armtune. The model takes samples `(sample, …)` as"
    yield "the data set gives them, and standardises by itself, `(x − mean) / std`, with the"
    yield "figures in `preprocessing.safetensors`. `bundle.json` has each file's checksum."
    yield ""
    gives = restored(about["target"]).gives
    head = f"largest difference from the trained model, in {gives}"
    yield f"| format | file | {head} | milliseconds for a sample |"
    yield "|---|---|---|---|"
    for name, written in about["formats"].items():
        took = _took(written.get("milliseconds"))
        yield f"| {name} | {written['file']} | {written['largest_difference']:.1e} | {took} |"
    yield ""
    for name, reason in about["left_out"].items():
        yield f"Without the format {name}: {for_markdown(reason)}."
    versions = [f"{name} {number}" for name, number in about["versions"].items()]
    yield f"Made with armtune {about['armtune']}, {', '.join(versions)}."
    yield ""


def _columns(metrics: Figures) -> Iterator[str]:
    """What the columns of figures are, where there are more than two."""
    if "refit" in metrics:
        yield "The first two columns are of trainings without validation samples, the third is of"
        yield "the chosen trial trained on them as well."
    if "ensemble" in metrics:
        yield "The last two columns are of the exported ensemble."


def _table(title: str, names: Mapping[str, str], metrics: Figures) -> Iterator[str]:
    """A row for each name whose metric was measured, on validation and on test."""
    columns = {
        "validation": metrics.get("confirmed_validation", metrics["validation"]),
        "test": metrics.get("confirmed_test", metrics.get("test", {})),
    }
    if "refit" in metrics:
        columns["test, on all data"] = metrics["refit"]["test"]
    if "ensemble" in metrics:
        columns["ensemble, validation"] = metrics["ensemble"]["validation"]
        columns["ensemble, test"] = metrics["ensemble"]["test"]
    yield f"| {title} | {' | '.join(columns)} |"
    yield f"|---{'|---' * len(columns)}|"
    for shown, metric in names.items():
        figures = " | ".join(_figure(column.get(metric)) for column in columns.values())
        yield f"| {shown} | {figures} |"
    yield ""


def _took(milliseconds: float | None) -> str:
    return "not measured" if milliseconds is None else f"{milliseconds:.2g}"


def _figure(value: float | Figures | None) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, Mapping):
        return f"{figure(value['mean'])} ± {value['std']:.4f}"
    return figure(value)
