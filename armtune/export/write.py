"""Writes a bundle; every format must predict as the trained model does, or none is written."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import armtune.export.standalone
from armtune import __version__
from armtune.bundle import formats
from armtune.bundle.engine import CantExport, Floats, Present, Views
from armtune.bundle.latency import milliseconds
from armtune.bundle.manifest import (
    CARD,
    CHECKSUM,
    ENCODER,
    MANIFEST,
    METRICS,
    PREPARED,
    Part,
    checksum,
    sha256,
)
from armtune.bundle.program import read_weights
from armtune.bundle.serving import (
    Exported,
    Served,
    built_parts,
    export,
    load_network,
    write_part,
)
from armtune.bundle.target import aside_of, check_target, put
from armtune.data import Dataset
from armtune.data.cache import digest_of, file_digest
from armtune.data.folding import trained_together
from armtune.data.standardize import Standardization
from armtune.errors import RunError
from armtune.export import container
from armtune.export.agreement import (
    Units,
    check_inputs,
    largest_difference,
    trained,
)
from armtune.export.calibrate import calibrated
from armtune.export.card import model_card
from armtune.export.held_out import HeldOut
from armtune.export.outcomes import outcomes
from armtune.export.robustness import robustness, timed_outputs
from armtune.files import unwritable, write_text
from armtune.recipe.load import dump_recipe
from armtune.recipe.schema import Modality, Recipe
from armtune.targets import Target

USUAL = ("numpy", "torch")
"""Formats that are written where nothing else is asked for; one that can't be is left out."""
TOLERANCE = 1e-5
"""Most that a format may differ from the trained model: in probability, or in a value's unit."""
PREDICT = "predict.py"


@dataclass(frozen=True)
class Models:
    """Models of one program.

    Attributes:
        recipe: of the first of them.
        files: weights of each, as ``Run.save_model`` writes them; of a recipe that trains by folds
            with those of all folds, which count alike.
        scales: each modality's standardisation, as fitted on the training split.
        weights: what each one's outputs count, as an ensemble has them; empty for a lone model.
    """

    recipe: Recipe
    files: Sequence[Path]
    scales: Mapping[str, Standardization]
    weights: Sequence[Sequence[Sequence[float]]] = ()

    def decisions(self, dataset: Dataset) -> Floats:
        """What each member's outputs count, ``(member, subset, decision)``; see ``Served``."""
        folds = trained_together(dataset, self.recipe.training.refit)
        modalities = len(self.recipe.modalities)
        alone = np.zeros((1, 2**modalities, 1 + modalities), np.float32)
        alone[..., 0] = 1
        each = np.asarray(self.weights, np.float32) if self.weights else alone
        return np.repeat(each / folds, folds, axis=0)


def write_bundle(
    to: Path,
    recipe: Recipe,
    model: Path,
    dataset: Dataset,
    scales: Mapping[str, Standardization],
    metrics: Mapping[str, Any],
    wanted: Sequence[str] | None = None,
    beside: Sequence[Path] = (),
    judge: tuple[Recipe, Path] | None = None,
) -> dict[str, Any]:
    """Writes a bundle of one model: see ``write_models``."""
    each = [Models(recipe, [model], scales)]
    return write_models(to, each, dataset, metrics, wanted, beside, judge)


def write_models(
    to: Path,
    groups: Sequence[Models],
    dataset: Dataset,
    metrics: Mapping[str, Any],
    wanted: Sequence[str] | None = None,
    beside: Sequence[Path] = (),
    judge: tuple[Recipe, Path] | None = None,
    known: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes a bundle folder as a whole, in place of one that is there.

    Args:
        groups: the models whose outputs it sums, those of one program together.
        metrics: what is known of the model, as JSON can hold it.
        wanted: the formats to write; the usual ones, where they can be, if None.
        beside: other files of ours that go into the folder as they are.
        judge: a model of the same settings that hasn't learnt the validation samples, by which
            probabilities are calibrated, and failures of modalities measured; None to leave that.
        known: what the manifest says beside, of models that were judged before.

    Returns:
        the bundle's manifest.

    Raises:
        RunError: the folder can't be written, or holds something other than a bundle; a format
            that was asked for can't be had; or a format predicts otherwise than the trained model.
    """
    check_target(to)
    aside = aside_of(to)
    try:
        aside.mkdir(parents=True)
        target, judged = _judged(judge, dataset)
        told = {**judged, **(known or {})}
        for file in beside:
            shutil.copyfile(file, aside / file.name)
        about = _written_to(aside, groups, replace(dataset, target=target), metrics, wanted, told)
        put(aside, to)
    except OSError as error:
        raise unwritable(to, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return about


def _written_to(
    aside: Path,
    groups: Sequence[Models],
    dataset: Dataset,
    metrics: Mapping[str, Any],
    wanted: Sequence[str] | None,
    judged: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes all files into an empty folder; see ``write_models``.

    Args:
        judged: what the manifest is to say of how the model was judged.
    """
    shapes = {m: dataset.shapes[m] for m in groups[0].recipe.modalities}
    tables = [group.decisions(dataset) for group in groups]
    stacked = sum(map(len, tables)) > 1 or bool(groups[0].weights)
    served = [
        _part(aside, k, group, dataset, table if stacked else None)
        for k, (table, group) in enumerate(zip(tables, groups, strict=True))
    ]
    write_text(aside / METRICS, json.dumps(metrics, indent=2))
    if prepared := {m: dataset.prepared[m] for m in shapes if m in dataset.prepared}:
        write_text(aside / PREPARED, json.dumps(prepared, indent=1, ensure_ascii=False))
    shutil.copyfile(armtune.export.standalone.__file__, aside / PREDICT)
    write_text(aside / container.NAME, container.TEXT)
    recipe = groups[0].recipe
    about = {**_about(dataset, shapes), **judged}
    about["parameters"] = sum(t.numel() for part in served for t in part.parameters())
    if stacked:
        about["ensemble"] = {"members": [len(table) for table in tables]}
    if recipe.data.fills:
        about["fills"] = {"what": recipe.data.fills, "means": _train_means(dataset, shapes)}
    about |= _formats(aside, served, groups, dataset, wanted)
    write_text(aside / CARD, model_card(recipe, about, metrics))
    files = sorted(path for path in aside.rglob("*") if path.is_file())
    sums = {file.relative_to(aside).as_posix(): sha256(file) for file in files}
    manifest = {**about, "sha256": sums}
    told = {**manifest, CHECKSUM: checksum(manifest)}
    write_text(aside / MANIFEST, json.dumps(told, indent=2))
    return about


def _judged(judge: tuple[Recipe, Path] | None, dataset: Dataset) -> tuple[Target, dict[str, Any]]:
    """The target with calibrated probabilities; what was measured for it, and of failures."""
    if judge is None:
        return dataset.target, {}
    held = HeldOut(*judge, dataset)
    outputs, seconds = timed_outputs(held)
    target, calibration = calibrated(held.target, held.labels, outputs)
    failures = robustness(judge[0], held, outputs, seconds)
    found = {
        "calibration": calibration,
        "robustness": failures,
        "outcomes": outcomes(held.labels, target, outputs, alone=held.alone()),
    }
    return target, {name: about for name, about in found.items() if about}


def _part(
    folder: Path,
    number: int,
    models: Models,
    dataset: Dataset,
    decisions: Floats | None,
) -> Served:
    """Writes the models of one program; gives them back as what serves."""
    members = 1 if decisions is None else len(decisions)
    part = Part.at(number, members)
    each = [read_weights(file) for file in models.files]
    weights = each[0]
    if decisions is not None:
        join = np.concatenate if members > len(each) else np.stack
        weights = {name: join([own[name] for own in each]) for name in weights}
    write_part(folder, part, weights, models.scales, decisions)
    write_text(folder / part.recipe, dump_recipe(_with_copies(models.recipe, folder)))
    stacked = None if decisions is None else members
    shapes = {m: scale.shape for m, scale in models.scales.items()}
    target, recipe = dataset.target, models.recipe
    network = load_network(folder / part.model, recipe, shapes, target, stacked)
    frozen = built_parts(recipe, dataset.shapes)
    return Served(network, target, models.scales, decisions, frozen)


def _with_copies(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe, naming copies in the folder of its plug-ins' and its encoders' files."""
    names = [f"plugin_{k}_{Path(file).name}" for k, file in enumerate(recipe.plugins)]
    for file, name in zip(recipe.plugins, names, strict=True):
        shutil.copyfile(file, folder / name)
    modalities = {m: _with_model(own, folder) for m, own in recipe.modalities.items()}
    return recipe.model_copy(update={"plugins": names, "modalities": modalities})


def _with_model(modality: Modality, folder: Path) -> Modality:
    """The modality, its encoder's ``path`` naming a copy of what it is made from."""
    encoder = modality.encoder
    files = encoder.files()
    if not files:
        return modality
    sums = {name: file_digest(path) for name, path in files.items()}
    own = folder / f"{ENCODER}{digest_of(sums)[:8]}"
    own.mkdir(exist_ok=True)  # models of one ensemble may share it
    for name, path in files.items():
        shutil.copyfile(path, own / name)
    named = Path(getattr(encoder, "path", "")).name
    place = f"{own.name}/{named}" if named in files else own.name
    return modality.model_copy(update={"encoder": encoder.model_copy(update={"path": place})})


def _about(dataset: Dataset, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {
        "armtune": __version__,
        "data": {
            "name": dataset.name,
            "used": dataset.description,
            "digest": dataset.digest,
            "stand_in": dataset.stand_in,
        },
        "target": dataset.target.about(),
        "shapes": {m: list(shape) for m, shape in shapes.items()},
        "columns": {m: list(names) for m, names in dataset.columns.items()},
        "versions": {
            "python": platform.python_version(),
            "torch": version("torch"),
            "numpy": version("numpy"),
        },
    }


def _train_means(dataset: Dataset, modalities: Iterable[str]) -> dict[str, list[float]]:
    """Each feature's mean over the training samples that have its modality, flattened."""
    train = dataset.train
    everyone = np.ones(len(train), bool)
    views = {m: np.asarray(train.views[m])[train.present.get(m, everyone)] for m in modalities}
    return {m: v.mean(axis=0, dtype=np.float64).ravel().tolist() for m, v in views.items()}


def _formats(
    folder: Path,
    served: Sequence[Served],
    groups: Sequence[Models],
    dataset: Dataset,
    wanted: Sequence[str] | None,
) -> dict[str, Any]:
    """Writes and checks the formats: their files with the largest difference, and those left out.

    Raises:
        RunError: see ``write_bundle``.
    """
    names = _known(wanted) if wanted is not None else list(USUAL)
    if not names:
        return {"formats": {}, "left_out": {}}
    written, left_out = {}, {}
    modalities = served[0].network.modalities
    inputs = check_inputs(dataset, modalities)
    expected = _expected(served, groups, dataset.target, inputs)
    try:
        exported = export(served, {m: dataset.shapes[m] for m in modalities})
    except CantExport as error:
        left_out = dict.fromkeys(names, str(error))
    for name in [n for n in names if n not in left_out]:
        try:
            check = (*inputs, expected, dataset.target.units)
            written[name] = {
                "file": formats.named(name).FILE,
                **_written(name, exported, folder, check),
            }
        except CantExport as error:
            (folder / formats.named(name).FILE).unlink(missing_ok=True)
            left_out[name] = str(error)
    if left_out and wanted is not None:
        raise RunError("\n".join(f"--format {name}: {why}" for name, why in left_out.items()))
    return {"formats": written, "left_out": left_out}


def _expected(
    served: Sequence[Served],
    groups: Sequence[Models],
    target: Target,
    inputs: tuple[Views, Present],
) -> Floats:
    """What the trained models say, each of their outputs counted as it is to be."""
    views, present = inputs
    rows = sum(2**k * present[m].astype(int) for k, m in enumerate(served[0].network.modalities))
    total: Any = 0
    for part, group in zip(served, groups, strict=True):
        outputs = trained(part, group.scales, views, present)
        weights = torch.zeros(1, 1, outputs.shape[1]).index_fill(2, torch.tensor([0]), 1.0)
        if part.decisions is not None:
            weights = part.decisions[:, torch.as_tensor(rows)]
        total = total + torch.einsum(
            "msd,mdso->so", weights.expand(-1, outputs.shape[2], -1), outputs
        )
    return np.asarray(target.served(total).numpy(), np.float32)


def _known(wanted: Sequence[str]) -> list[str]:
    """The names, if there are such formats.

    Raises:
        RunError: there aren't; says which there are.
    """
    known = formats.names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise RunError(f"no format {unknown[0]!r}; there are {', '.join(known)}")
    return list(wanted)


def _written(
    name: str, exported: Exported, folder: Path, check: tuple[Views, Present, Floats, Units]
) -> dict[str, float]:
    """Writes a format, loads it again and runs it.

    Returns:
        the largest difference, see ``agreement``, and what a single sample takes.
    """
    chosen = formats.named(name)
    chosen.write(exported, folder)
    engine = chosen.load(folder)
    difference = largest_difference(engine, *check)
    if not difference <= TOLERANCE:
        raise RunError(
            f"{chosen.FILE}: its predictions differ from the trained model's by up to "
            f"{difference:.2g}, more than {TOLERANCE:g}; nothing was written"
        )
    return {"largest_difference": difference, "milliseconds": milliseconds(engine, *check[:2])}
