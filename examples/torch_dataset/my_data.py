"""A PyTorch data set as armtune's, which recipe.yaml beside this file names.

Torch is imported where it is needed, not at the top: `armtune check` runs this file too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from armtune.datasets.torch_dataset import MapStyle, TorchData


class Spirals(TorchData):
    """Points on three spirals, and noisy sines whose frequency tells the spiral."""

    name: Literal["spirals"] = "spirals"
    samples: int = Field(300, ge=30)
    """Number of training samples; a third as many more are for test."""

    def modalities(self) -> tuple[str, ...]:
        return ("point", "wave")

    def datasets(self, folder: Path) -> Mapping[str, MapStyle]:
        return {"train": _spirals(self.samples, 0), "test": _spirals(self.samples // 3, 1)}

    def class_names(self) -> tuple[str, ...]:
        return ("inner", "middle", "outer")


def _spirals(count: int, seed: int) -> MapStyle:
    import torch

    class Points(torch.utils.data.Dataset):  # type: ignore[type-arg]
        """Whatever your project has: a sample is ({modality: tensor}, label)."""

        def __len__(self) -> int:
            return count

        def __getitem__(self, index: int) -> tuple[dict[str, torch.Tensor], int]:
            draws = torch.Generator().manual_seed(seed * 1_000_000 + index)
            label = index % 3
            turn = 4 * torch.rand((), generator=draws)
            angle = turn + label * 2 * torch.pi / 3
            point = turn * torch.stack([angle.cos(), angle.sin()])
            wave = torch.sin(torch.linspace(0, 3 + 2 * label, 16))
            noise = torch.randn(16, generator=draws)
            return {"point": point, "wave": wave + noise}, label

    return Points()
