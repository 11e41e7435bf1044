"""What trained models say of a split, written down: ensembles are drawn by it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from armtune.files import write_bytes
from armtune.training.evaluation import all_outputs, fused_at
from armtune.training.network import MultimodalNet
from armtune.training.samples import Samplable

OUTPUT_BYTES = 1 << 26
"""Largest array that is written: disks are for models."""


def write_outputs(
    network: MultimodalNet, samples: Samplable, width: int, places: Mapping[int, Path]
) -> None:
    """Writes ``(decision, sample, output)`` of members as safetensors, unless that is too large.

    Args:
        width: numbers of an output.
        places: files by member.
    """
    modalities = len(network.modalities)
    decided = fused_at(modalities) + 1 + modalities
    if 4 * decided * len(samples) * width > OUTPUT_BYTES:
        return
    write_told(all_outputs(network, samples), places)


def write_told(outputs: Tensor, places: Mapping[int, Path]) -> None:
    """Writes outputs ``(training, decision, sample, output)``, each training's to its own file."""
    told = outputs.float().cpu()
    for k, path in places.items():
        write_bytes(path, save({"outputs": told[k].contiguous()}))
