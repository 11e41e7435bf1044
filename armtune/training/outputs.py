"""What trained models say of a split, written down: ensembles are drawn by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from armtune.files import write_bytes
from armtune.training.evaluation import fused_at

OUTPUT_BYTES = 1 << 26
"""Largest array that is written: disks are for models."""


def write_outputs(
    outputs: Callable[[], Tensor], shape: tuple[int, int, int], places: Mapping[int, Path]
) -> None:
    """Writes ``(decision, sample, output)`` of trainings as safetensors, unless that is too large.

    Args:
        outputs: gives ``(training, decision, sample, output)``.
        shape: modalities, samples, and numbers of an output.
        places: files by training.
    """
    modalities, samples, width = shape
    decisions = fused_at(modalities) + 1 + modalities
    if 4 * decisions * samples * width > OUTPUT_BYTES:
        return
    told = outputs().float().cpu()
    for k, path in places.items():
        write_bytes(path, save({"outputs": told[k].contiguous()}))
