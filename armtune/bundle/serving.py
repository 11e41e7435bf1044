"""The model as others run it: one module from raw samples to predictions, and its export."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from armtune.bundle.engine import CantExport, Engine, Floats, Present, Views
from armtune.bundle.manifest import (
    DECISIONS,
    RECIPE,
    Part,
    is_ensemble,
    parts_of,
    read_manifest,
)
from armtune.bundle.program import read_weights
from armtune.data.standardize import OPTIONAL, Standardization
from armtune.errors import RunError
from armtune.files import write_bytes
from armtune.nn.forward import Features
from armtune.nn.frozen import frozen, shape_of
from armtune.nn.layers import TooManyWeightsError
from armtune.recipe.frozen import frozen_parts
from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.targets import Target
from armtune.training.network import MultimodalNet, build_network

MOST_DRAWN = 4
"""Weights that a network may draw, for each one that it has."""


class Served(nn.Module):
    """Models of one program as they are served: standardisation, network, and weights of outputs.

    Args:
        parts: what of encoders learns nothing, by modality: see ``encoders.Frozen``.
        decisions: what each member's outputs count for each set of modalities that are there,
            ``(member, subset, decision)``: subsets as bit masks from none, of decisions the fused
            one and then each head's. None for the fused decision of a single model.

    Buffers:
        mean_<k>, std_<k> and, where there are such, rotation_<k>, select_<k>, starts_<k> and
            widths_<k>: the standardisation of the k-th modality, or of the features that its frozen
            part gives.
        decisions: as above.
    """

    decisions: Tensor | None

    def __init__(
        self,
        network: MultimodalNet,
        target: Target,
        scales: Mapping[str, Standardization],
        decisions: Floats | None = None,
        parts: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.target = network, target
        self.frozen = nn.ModuleDict({_key(network, m): part for m, part in (parts or {}).items()})
        for k, m in enumerate(network.modalities):
            for name, value in scales[m].arrays.items():
                self.register_buffer(f"{name}_{k}", torch.tensor(value, dtype=torch.float32))
        table = None if decisions is None else torch.tensor(decisions, dtype=torch.float32)
        self.register_buffer("decisions", table)

    def forward(self, views: Features, present: Features) -> Tensor:
        """The models' part of the outputs, ``(sample, output)``.

        Args:
            views: samples ``(sample, *shape)`` of every modality, as the data set gives them.
            present: whether each sample has the modality, ``(sample,)``, boolean. Where not, the
                modality's mean feature over training samples stands in for what ``views`` has.
        """
        features = self.network.mean_features()
        for m in features:
            there = present[m].unsqueeze(0).unsqueeze(2)
            features[m] = torch.where(there, self.encode(m, views[m]), features[m])
        return self.decide(features, present)

    def encode(self, modality: str, view: Tensor) -> Tensor:
        """Features ``(member, sample, feature)`` of a modality's samples."""
        k = self.network.modalities.index(modality)
        view = self.seen(modality, view)
        scaled = self._scaled(k, view).unsqueeze(0)
        if self.decisions is not None and len(self.decisions) > 1:
            scaled = scaled.expand(len(self.decisions), *[-1] * (scaled.dim() - 1))
        encoded: Tensor = self.network.encoders[k](scaled)
        return encoded

    def _scaled(self, k: int, view: Tensor) -> Tensor:
        """What ``Standardization.apply`` makes of the k-th modality's samples."""
        scaled = (view - getattr(self, f"mean_{k}")) / getattr(self, f"std_{k}")
        buffers = dict(self.named_buffers(recurse=False))
        if (rotation := buffers.get(f"rotation_{k}")) is not None:
            scaled = torch.matmul(scaled.flatten(1), rotation)
        if (select := buffers.get(f"select_{k}")) is not None:
            scaled = scaled.flatten(1)
            picked = torch.matmul(scaled, select)
            through = (picked - buffers[f"starts_{k}"]) / buffers[f"widths_{k}"]
            # Between 0 and 1, by operators that numpy's programs have.
            scaled = torch.cat([scaled, through.relu() - (through - 1).relu()], 1)
        return scaled

    def seen(self, modality: str, view: Tensor) -> Tensor:
        """A modality's samples as trainings see them: what its frozen part gives, if it has one."""
        key = _key(self.network, modality)
        found: Tensor = self.frozen[key](view) if key in self.frozen else view
        return found

    def decide(self, features: Features, present: Features) -> Tensor:
        """What features ``(member, sample, feature)`` give, ``(sample, output)``."""
        fused = self.network.fuse(features)
        if self.decisions is None:
            return fused[0]
        heads = self.network.judge(features)
        # Each modality, from the highest bit on, halves what rows there are for a sample.
        rows = self.decisions.unsqueeze(1)
        for m in reversed(self.network.modalities):
            there, half = present[m].unsqueeze(0).unsqueeze(2).unsqueeze(3), rows.shape[2] // 2
            rows = torch.where(there, rows[:, :, half:], rows[:, :, :half])
        weights = rows.select(2, 0).unsqueeze(3)
        outputs = [fused, *heads.values()]
        return reduce(
            torch.add, [(weights[:, :, k] * each).sum([0]) for k, each in enumerate(outputs)]
        )

    @torch.no_grad()
    def predict(self, views: Views, present: Present) -> Floats:
        """The same on arrays. It encodes only what is there."""
        features = self.network.mean_features()
        for m, view in tensors(views).items():
            features[m] = features[m].repeat(1, len(view), 1)
            if present[m].all():
                features[m] = self.encode(m, view)
            elif present[m].any():
                there = torch.from_numpy(present[m])
                features[m][:, there] = self.encode(m, view[there])
        return self.decide(features, tensors(present)).numpy()


def _key(network: MultimodalNet, modality: str) -> str:
    # A name of torch's: a modality's own may hold what those may not.
    return str(network.modalities.index(modality))


def built_parts(recipe: Recipe, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, nn.Module]:
    """The frozen parts of a recipe's encoders as modules, by modality.

    Args:
        shapes: of each modality's samples.

    Raises:
        RunError: they can't read these, or their files don't serve.
        DataError: their files are missing or damaged.
    """
    try:
        return {m: frozen(part.build(shapes[m])) for m, part in frozen_parts(recipe).items()}
    except ValueError as error:
        raise RunError(f"{RECIPE}: {error}") from error


class Together(nn.Module):
    """What users get of a bundle's parts: of classes probabilities."""

    def __init__(self, parts: Sequence[Served]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.target = parts[0].target

    def forward(self, views: Features, present: Features) -> Tensor:
        """See ``Served.forward``; ``(sample, output)``."""
        outputs = reduce(torch.add, [part(views, present) for part in self.parts])
        return self.target.served(outputs)

    def predict(self, views: Views, present: Present) -> Floats:
        """The same on arrays; an ``Engine``."""
        parts: list[Any] = list(self.parts)
        outputs = reduce(np.add, [part.predict(views, present) for part in parts])
        return self.target.served(torch.from_numpy(outputs)).numpy()


@dataclass(frozen=True)
class Exported:
    """The served module as ``torch.export`` recorded it, for any number of samples.

    Attributes:
        modalities: their names, in the recipe's order.
        gives: what the numbers of its output are.
        stacked: whether stored weights have a member axis.
    """

    program: ExportedProgram
    modalities: tuple[str, ...]
    gives: str
    stacked: bool = False


def tensors(arrays: Mapping[str, NDArray[np.generic]]) -> Features:
    """Arrays as tensors, without a copy where they can be written to."""
    return {m: torch.from_numpy(np.require(array, requirements="W")) for m, array in arrays.items()}


def load_served(folder: Path, shapes: Mapping[str, tuple[int, ...]], target: Target) -> Engine:
    """A bundle's model, or all of its models, from recipes and weights.

    Raises:
        RunError: the weights don't fit the recipe.
        RecipeError: it names files of plug-ins, and they haven't run; none is run unasked.
    """
    manifest = read_manifest(folder)
    stacked = is_ensemble(manifest)
    parts = [_part(folder, part, shapes, target, stacked) for part in parts_of(manifest)]
    return Together(parts).predict


def _part(
    folder: Path, part: Part, shapes: Mapping[str, tuple[int, ...]], target: Target, stacked: bool
) -> Served:
    path = folder / part.preprocessing
    stored = read_weights(path)
    recipe = load_recipe(folder / part.recipe, run_files=False)
    frozen_ones = built_parts(recipe, shapes)
    seen = {m: shape_of(module, shapes[m]) for m, module in frozen_ones.items()}
    scales = _scales(path, stored, {**shapes, **seen})
    decisions = _decisions(path, stored, part.members, len(shapes)) if stacked else None
    members = part.members if stacked else None
    turned = {m: scale.shape for m, scale in scales.items()}
    network = load_network(folder / part.model, recipe, turned, target, members)
    return Served(network, target, scales, decisions, frozen_ones).eval()


def _decisions(path: Path, stored: Mapping[str, Floats], members: int, modalities: int) -> Floats:
    shape = (members, 2**modalities, 1 + modalities)
    found = stored.get(DECISIONS)
    if found is None or found.shape != shape:
        raise RunError(f"{path}: has no weights of decisions of shape {shape}")
    return found


def _scales(
    path: Path, scaling: Mapping[str, Floats], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Standardization]:
    found = {}
    for m, shape in shapes.items():
        try:
            mean, std = scaling[f"mean/{m}"], scaling[f"std/{m}"]
            fits = np.broadcast_shapes(shape, mean.shape, std.shape) == shape
        except (KeyError, ValueError):
            fits = False
        if not fits:
            raise RunError(f"{path}: has no mean and std for {m}'s samples of shape {shape}")
        more = {name: scaling[f"{name}/{m}"] for name in OPTIONAL if f"{name}/{m}" in scaling}
        scale = Standardization(np.broadcast_to(mean, shape), std, **more)
        if problem := scale.problem():
            raise RunError(f"{path}: {problem} {m}'s samples of shape {shape}")
        found[m] = scale
    return found


def scaling(scales: Mapping[str, Standardization]) -> dict[str, Floats]:
    """Standardisations as a bundle stores them."""
    whole = {f"{name}/{m}": own for m, s in scales.items() for name, own in s.arrays.items()}
    # safetensors takes the memory as it lies.
    return {name: np.ascontiguousarray(value, np.float32) for name, value in whole.items()}


def write_part(
    folder: Path,
    part: Part,
    weights: Mapping[str, NDArray[Any]],
    scales: Mapping[str, Standardization],
    decisions: Floats | None,
) -> None:
    """Writes a part's files of numbers.

    Args:
        weights: of the members, along their axis; without one where ``decisions`` is None.
        decisions: see ``Served``.
    """
    # safetensors takes the memory as it lies.
    whole = {name: np.asarray(array, order="C") for name, array in weights.items()}
    stored = {**scaling(scales), **({} if decisions is None else {DECISIONS: decisions})}
    write_bytes(folder / part.model, save(whole))
    write_bytes(folder / part.preprocessing, save(stored))


def load_network(
    path: Path,
    recipe: Recipe,
    shapes: Mapping[str, tuple[int, ...]],
    target: Target,
    members: int | None = None,
) -> MultimodalNet:
    """The network with one member's weights, as ``Run.save_model`` writes them, or with several's.

    Args:
        members: how many the weights have a member axis for; None where they have none.

    Raises:
        RunError: the weights don't fit the recipe.
    """
    arrays = read_weights(path)
    weights = {n: torch.from_numpy(a[None] if members is None else a) for n, a in arrays.items()}
    # Layers may draw some that they don't keep.
    most = MOST_DRAWN * sum(array.size for array in arrays.values())
    try:
        network = build_network([recipe] * (members or 1), shapes, target.width, most=most)
        network.load_state_dict(weights)
    except (RuntimeError, TooManyWeightsError) as error:
        raise RunError(f"{path}: does not fit {RECIPE}: {error}") from error
    return network.eval()


def export(parts: Sequence[Served], shapes: Mapping[str, tuple[int, ...]]) -> Exported:
    """Records what serves with ``torch.export``, the number of samples left open.

    Raises:
        CantExport: a plug-in's module can't be recorded; says why.
    """
    # Two samples, since torch takes a single one for a constant.
    views = {m: torch.zeros(2, *shape) for m, shape in shapes.items()}
    present = {m: torch.ones(2, dtype=torch.bool) for m in shapes}
    sample = {0: Dim("sample")}
    open_axes = ({m: sample for m in shapes}, {m: sample for m in shapes})
    served = Together(parts).eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch warns of deprecations in its own exporter
        try:
            program = torch.export.export(served, (views, present), dynamic_shapes=open_axes)
        except Exception as error:  # whatever a plug-in's module does that can't be recorded
            reason = str(error).strip().splitlines()[0]
            raise CantExport(f"torch.export can't record the model: {reason}") from error
    first = parts[0]
    stacked = first.decisions is not None
    return Exported(program, first.network.modalities, first.target.gives, stacked)
