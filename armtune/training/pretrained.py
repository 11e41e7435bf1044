"""First weights of encoders, from safetensors files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from armtune.data.downloads import data_folders, find
from armtune.errors import DataError, Fault, RecipeError
from armtune.recipe.schema import Modality, Recipe
from armtune.training.network import MultimodalNet


def load_weights(network: MultimodalNet, recipe: Recipe) -> None:
    """Gives encoders the weights that the recipe names, the same to every member.

    Raises:
        RecipeError: a file has no tensor for a parameter, or one of another shape.
        DataError: a file is missing or damaged.
    """
    faults = []
    for name, modality in recipe.modalities.items():
        if modality.weights is None:
            continue
        path = find(modality.weights, [Path(), *data_folders(None, Path())])
        tensors = _read(path, modality)
        k = network.modalities.index(name)
        own = dict(network.encoders[k].named_parameters())
        problem = _problem(tensors, own)
        if problem:
            faults.append(Fault(f"{path}: {problem}", f"modalities.{name}.weights"))
        else:
            _copy(tensors, own)
    if faults:
        raise RecipeError(faults)


def _read(path: Path, modality: Modality) -> dict[str, Tensor]:
    try:
        return modality.encoder.adapt(load_file(path))
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: can't be read as safetensors: {error}") from error


def _problem(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """Why the tensors can't be an encoder's parameters; empty when they can."""
    missing = [name for name in own if name not in tensors]
    if missing:
        there = ", ".join(sorted(tensors)[:3])
        return (
            f"has no tensor {missing[0]!r} ({len(missing)} of the encoder's {len(own)} are "
            f"missing; it has {len(tensors)}: {there} …)"
        )
    for name, parameter in own.items():
        found, needed = tuple(tensors[name].shape), tuple(parameter.shape[1:])
        if found != needed:
            return f"{name} has shape {found}, the encoder needs {needed}"
    return ""


@torch.no_grad()
def _copy(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    for name, parameter in own.items():
        parameter.copy_(tensors[name])
