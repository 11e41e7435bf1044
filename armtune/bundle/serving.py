"""The model as others run it: one module from raw samples to predictions, and its export."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from armtune.bundle.engine import CantExport, Engine, Floats, Present, Views
from armtune.bundle.manifest import RECIPE, Part, is_ensemble, parts_of, read_manifest
from armtune.bundle.program import read_weights
from armtune.data.standardize import Standardization
from armtune.errors import RunError
from armtune.nn.forward import Features
from armtune.nn.layers import TooManyWeightsError
from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.targets import Target
from armtune.training.network import MultimodalNet, build_network


class Served(nn.Module):
    """Standardisation, network and what the target makes of outputs, summed over members.

    Args:
        shares: what each member counts.

    Buffers:
        mean_<k>, std_<k>: the standardisation of the k-th modality.
    """

    def __init__(
        self,
        network: MultimodalNet,
        target: Target,
        scales: Mapping[str, Standardization],
        shares: Sequence[float] = (1.0,),
    ) -> None:
        super().__init__()
        self.network, self.target, self.shares = network, target, tuple(shares)
        for k, m in enumerate(network.modalities):
            self.register_buffer(f"mean_{k}", torch.tensor(scales[m].mean, dtype=torch.float32))
            self.register_buffer(f"std_{k}", torch.tensor(scales[m].std, dtype=torch.float32))

    def forward(self, views: Features, present: Features) -> Tensor:
        """What users get, ``(sample, output)``: of classes their probabilities.

        Args:
            views: samples ``(sample, *shape)`` of every modality, as the data set gives them.
            present: whether each sample has the modality, ``(sample,)``, boolean. Where not, the
                modality's mean feature over training samples stands in for what ``views`` has.
        """
        features = self.network.mean_features()
        for m in features:
            there = present[m].unsqueeze(0).unsqueeze(2)
            features[m] = torch.where(there, self.encode(m, views[m]), features[m])
        return self.decide(features)

    def encode(self, modality: str, view: Tensor) -> Tensor:
        """Features ``(member, sample, feature)`` of a modality's samples."""
        k = self.network.modalities.index(modality)
        scaled = (view - getattr(self, f"mean_{k}")) / getattr(self, f"std_{k}")
        scaled = scaled.unsqueeze(0)
        if len(self.shares) > 1:
            scaled = scaled.expand(len(self.shares), *[-1] * view.dim())
        encoded: Tensor = self.network.encoders[k](scaled)
        return encoded

    def decide(self, features: Features) -> Tensor:
        """What features ``(member, sample, feature)`` give, ``(sample, output)``."""
        outputs = self.network.fuse(features)
        if self.shares == (1.0,):
            return self.target.served(outputs[0])
        each = self.target.served(outputs).unbind(0)
        shared = [told * share for told, share in zip(each, self.shares, strict=True)]
        return reduce(torch.add, shared)

    @torch.no_grad()
    def predict(self, views: Views, present: Present) -> Floats:
        """The same on arrays; an ``Engine``. It encodes only what is there."""
        features = self.network.mean_features()
        for m, view in tensors(views).items():
            features[m] = features[m].repeat(1, len(view), 1)
            if present[m].all():
                features[m] = self.encode(m, view)
            elif present[m].any():
                there = torch.from_numpy(present[m])
                features[m][:, there] = self.encode(m, view[there])
        return self.decide(features).numpy()


class Together(nn.Module):
    """The sum of what several parts serve."""

    def __init__(self, parts: Sequence[Served]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, views: Features, present: Features) -> Tensor:
        """See ``Served.forward``."""
        return reduce(torch.add, [part(views, present) for part in self.parts])


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

    def predict(views: Views, present: Present) -> Floats:
        return reduce(np.add, [part.predict(views, present) for part in parts])

    return predict


def _part(
    folder: Path, part: Part, shapes: Mapping[str, tuple[int, ...]], target: Target, stacked: bool
) -> Served:
    scales = _scales(folder / part.preprocessing, shapes)
    recipe = load_recipe(folder / part.recipe, run_files=False)
    members = len(part.shares) if stacked else None
    network = load_network(folder / part.model, recipe, shapes, target, members)
    return Served(network, target, scales, part.shares).eval()


def _scales(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Standardization]:
    scaling, found = read_weights(path), {}
    for m, shape in shapes.items():
        try:
            mean, std = scaling[f"mean/{m}"], scaling[f"std/{m}"]
            fits = np.broadcast_shapes(shape, mean.shape, std.shape) == shape
        except (KeyError, ValueError):
            fits = False
        if not fits:
            raise RunError(f"{path}: has no mean and std for {m}'s samples of shape {shape}")
        found[m] = Standardization(mean, std)
    return found


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
    most = sum(array.size for array in arrays.values())
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
    served = Together(parts).eval() if len(parts) > 1 else parts[0].eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch warns of deprecations in its own exporter
        try:
            program = torch.export.export(served, (views, present), dynamic_shapes=open_axes)
        except Exception as error:  # whatever a plug-in's module does that can't be recorded
            reason = str(error).strip().splitlines()[0]
            raise CantExport(f"torch.export can't record the model: {reason}") from error
    first, members = parts[0], sum(len(part.shares) for part in parts)
    return Exported(program, first.network.modalities, first.target.gives, members > 1)
