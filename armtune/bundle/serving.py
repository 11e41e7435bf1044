"""The model as others run it: one module from raw samples to predictions, and its export."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from armtune.bundle.engine import CantExport, Engine, Floats, Present, Views
from armtune.bundle.manifest import MODEL, PREPROCESSING, RECIPE
from armtune.bundle.program import read_weights
from armtune.data.standardize import Standardization
from armtune.errors import RunError
from armtune.nn.forward import Features
from armtune.recipe.load import load_recipe
from armtune.recipe.schema import Recipe
from armtune.targets import Target
from armtune.training.network import MultimodalNet, build_network


class Served(nn.Module):
    """Standardisation, network and what the target makes of outputs, for one member.

    Buffers:
        mean_<k>, std_<k>: the standardisation of the k-th modality.
    """

    def __init__(
        self, network: MultimodalNet, target: Target, scales: Mapping[str, Standardization]
    ) -> None:
        super().__init__()
        self.network, self.target = network, target
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
        return self.target.served(self.network.fuse(features)[0])

    def encode(self, modality: str, view: Tensor) -> Tensor:
        """Features ``(1, sample, feature)`` of a modality's samples."""
        k = self.network.modalities.index(modality)
        scaled = (view - getattr(self, f"mean_{k}")) / getattr(self, f"std_{k}")
        encoded: Tensor = self.network.encoders[k](scaled.unsqueeze(0))
        return encoded

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
        return self.target.served(self.network.fuse(features)[0]).numpy()


@dataclass(frozen=True)
class Exported:
    """The served module as ``torch.export`` recorded it, for any number of samples.

    Attributes:
        modalities: their names, in the recipe's order.
        gives: what the numbers of its output are.
    """

    program: ExportedProgram
    modalities: tuple[str, ...]
    gives: str


def tensors(arrays: Mapping[str, NDArray[np.generic]]) -> Features:
    """Arrays as tensors, without a copy where they can be written to."""
    return {m: torch.from_numpy(np.require(array, requirements="W")) for m, array in arrays.items()}


def load_served(folder: Path, shapes: Mapping[str, tuple[int, ...]], target: Target) -> Engine:
    """A bundle's model from its recipe and weights.

    Raises:
        RunError: the weights don't fit the recipe.
        RecipeError: it names files of plug-ins, and they haven't run; none is run unasked.
    """
    scales = _scales(folder / PREPROCESSING, shapes)
    recipe = load_recipe(folder / RECIPE, run_files=False)
    network = load_network(folder / MODEL, recipe, shapes, target)
    return Served(network, target, scales).eval().predict


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
    path: Path, recipe: Recipe, shapes: Mapping[str, tuple[int, ...]], target: Target
) -> MultimodalNet:
    """The network with one member's weights, as ``Run.save_model`` writes them.

    Raises:
        RunError: the weights don't fit the recipe.
    """
    network = build_network([recipe], shapes, target.width)
    weights = {name: torch.from_numpy(array)[None] for name, array in read_weights(path).items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"{path}: does not fit {RECIPE}: {error}") from error
    return network.eval()


def export(served: Served, shapes: Mapping[str, tuple[int, ...]]) -> Exported:
    """Records the module with ``torch.export``, the number of samples left open.

    Raises:
        CantExport: a plug-in's module can't be recorded; says why.
    """
    # Two samples, since torch takes a single one for a constant.
    views = {m: torch.zeros(2, *shape) for m, shape in shapes.items()}
    present = {m: torch.ones(2, dtype=torch.bool) for m in shapes}
    sample = {0: Dim("sample")}
    open_axes = ({m: sample for m in shapes}, {m: sample for m in shapes})
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch warns of deprecations in its own exporter
        try:
            program = torch.export.export(served, (views, present), dynamic_shapes=open_axes)
        except Exception as error:  # whatever a plug-in's module does that can't be recorded
            reason = str(error).strip().splitlines()[0]
            raise CantExport(f"torch.export can't record the model: {reason}") from error
    return Exported(program, served.network.modalities, served.target.gives)
