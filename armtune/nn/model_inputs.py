"""What pretrained models read, made of samples as data sets give them: their own preprocessing.

Everything is fixed when a module is built, from what the files of its model say, so that it is a
part of the model wherever that runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Settings = Mapping[str, Any]
"""What a model's ``preprocessor_config.json`` says."""

FILTERS = {0: "nearest-exact", 2: "bilinear", 3: "bicubic"}
"""Ways to scale images, by Pillow's numbers of them."""
SMALL_CROP = 384
"""Side of images below which a ``crop_pct`` is cut off, rather than squeezed."""
FLOOR = 1e-7
"""Added to a wave's variance before it is divided by it, as wav2vec2's own preprocessing does."""


class Pictures(nn.Module):
    """Images ``(sample, height, width)`` or ``(sample, channel, height, width)``, from 0 to 1,
    scaled, cut and normalised: ``(sample, 3, height, width)``.

    Grey images are repeated. Scaling and cutting are two products with a matrix.
    """

    rows: Tensor
    columns: Tensor
    factor: Tensor
    shift: Tensor

    def __init__(self, shape: tuple[int, ...], about: Settings) -> None:
        super().__init__()
        (height, tall), (width, wide) = _sides(shape[-2:], about)
        how = FILTERS.get(about.get("resample", 2), "bicubic")
        self.register_buffer("rows", scaling(shape[-2], height, tall, how), persistent=False)
        self.register_buffer("columns", scaling(shape[-1], width, wide, how).T, persistent=False)
        factor = about.get("rescale_factor", 1 / 255) if about.get("do_rescale", True) else 1.0
        normal = about.get("do_normalize", True)
        mean = torch.tensor(about.get("image_mean") or [0.0] * 3 if normal else [0.0] * 3)
        std = torch.tensor(about.get("image_std") or [1.0] * 3 if normal else [1.0] * 3)
        self.register_buffer("factor", (255 * factor / std).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", (mean / std).view(3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        colours = x.unsqueeze(1) if x.dim() == 3 else x
        scaled = self.rows @ colours @ self.columns
        return scaled * self.factor - self.shift


def _sides(given: tuple[int, ...], about: Settings) -> list[tuple[int, int]]:
    """What each side is scaled to and what is then cut out of its middle."""
    if not about.get("do_resize", True):
        scaled = list(given)
    elif (shortest := _shortest(about)) is not None:
        scaled = [max(1, side * shortest // min(given)) for side in given]
    else:
        size = about["size"]
        both = isinstance(size, Mapping) and "height" in size
        scaled = [size["height"], size["width"]] if both else [_size(size)] * 2
    cut = about.get("crop_size") if about.get("do_center_crop") else None
    if "crop_pct" in about and (shortest := _size(about["size"])) < SMALL_CROP:
        cut = shortest
    if cut is None:
        return [(side, side) for side in scaled]
    cuts = [cut["height"], cut["width"]] if isinstance(cut, Mapping) else [cut] * 2
    return [(max(side, own), own) for side, own in zip(scaled, cuts, strict=True)]


def _shortest(about: Settings) -> int | None:
    """What the shorter side is scaled to; None where both sides are given."""
    size = about["size"]
    if "crop_pct" in about and (side := _size(size)) < SMALL_CROP:
        return int(side / about["crop_pct"])
    return int(size["shortest_edge"]) if _has_edge(size) and "crop_pct" not in about else None


def _has_edge(size: Any) -> bool:
    return isinstance(size, Mapping) and "shortest_edge" in size


def _size(size: Any) -> int:
    if not isinstance(size, Mapping):
        return int(size)
    return int(size["shortest_edge"] if "shortest_edge" in size else size["height"])


def scaling(given: int, wanted: int, cut: int, how: str) -> Tensor:
    """The matrix ``(cut, given)`` that scales an axis to ``wanted`` and takes the middle of it."""
    options: dict[str, Any] = {"mode": how}
    if how != "nearest-exact":
        options |= {"antialias": True, "align_corners": False}
    # What each unit vector, a column, becomes.
    units = torch.eye(given).view(1, 1, given, given)
    matrix = F.interpolate(units, size=(wanted, given), **options)[0, 0]
    start = (wanted - cut) // 2
    return matrix[start : start + cut].contiguous()


class Waves(nn.Module):
    """Sound ``(sample, time)``, each brought to mean 0 and variance 1 where the model wants it."""

    def __init__(self, shape: tuple[int, ...], about: Settings) -> None:
        super().__init__()
        self.normal = bool(about.get("do_normalize", True))

    def forward(self, x: Tensor) -> Tensor:
        if not self.normal:
            return x
        moved = x - x.mean(1, keepdim=True)
        return moved / (moved.square().mean(1, keepdim=True) + FLOOR).sqrt()


class Spectra(nn.Module):
    """Log-mel spectra of sound by a fixed transform, ``(sample, step, band)``.

    Args:
        window: what a step's samples are weighted by.
        hop: samples from one step to the next.
        length: that the window is padded to for the transform.
        filters: mel filters ``(frequency, band)``.
        emphasis: share of the sample before that is taken off each; 0 for none.
    """

    cosines: Tensor
    sines: Tensor
    filters: Tensor

    def __init__(
        self,
        window: np.ndarray[Any, Any],
        hop: int,
        length: int,
        filters: np.ndarray[Any, Any],
        emphasis: float = 0.0,
    ) -> None:
        super().__init__()
        self.hop, self.size = hop, len(window)
        transform = np.fft.rfft(_prepared(len(window), emphasis) * window[:, None].T, length)
        for name, part in (("cosines", transform.real), ("sines", transform.imag)):
            self.register_buffer(name, torch.tensor(part, dtype=torch.float32), persistent=False)
        given = torch.tensor(filters, dtype=torch.float32)
        self.register_buffer("filters", given, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.unfold(1, self.size, self.hop)
        power = (frames @ self.cosines).square() + (frames @ self.sines).square()
        return power @ self.filters


def _prepared(size: int, emphasis: float) -> np.ndarray[Any, Any]:
    """What is done to a step's samples first, as a matrix ``(sample, prepared sample)``."""
    one = np.eye(size)
    if not emphasis:
        return one
    centred = one - 1 / size
    before = np.concatenate([centred[:, :1], centred[:, :-1]], axis=1)
    return np.asarray(centred - emphasis * before)


class WhisperSpectra(nn.Module):
    """Sound ``(sample, time)`` as Whisper reads it, silence after it: ``(sample, band, step)``."""

    def __init__(self, shape: tuple[int, ...], about: Settings) -> None:
        super().__init__()
        from transformers.audio_utils import mel_filter_bank

        rate, length = int(about["sampling_rate"]), int(about["n_fft"])
        bands = int(about["feature_size"])
        filters = mel_filter_bank(
            1 + length // 2, bands, 0.0, 8000.0, rate, norm="slaney", mel_scale="slaney"
        )
        window = np.hanning(length + 1)[:-1]
        self.spectra = Spectra(window, int(about["hop_length"]), length, filters)
        most = int(about["n_samples"])
        if shape[0] > most:
            raise ValueError(f"whisper reads {most / rate:g} s of sound, not {shape[0] / rate:g}")
        self.margin, self.silence = length // 2, most - shape[0]

    def forward(self, x: Tensor) -> Tensor:
        whole = F.pad(x, (0, self.silence))
        mirrored = F.pad(whole.unsqueeze(1), (self.margin, self.margin), mode="reflect").squeeze(1)
        mel = self.spectra(mirrored)[:, :-1].clamp_min(1e-10).log10()
        loudest = mel.amax((1, 2), keepdim=True)
        return ((torch.maximum(mel, loudest - 8) + 4) / 4).mT


class AstSpectra(nn.Module):
    """Sound ``(sample, time)`` as AST reads it: ``(sample, step, band)``, as many steps as it has.

    The transform is Kaldi's, of waves from -1 to 1.
    """

    def __init__(self, shape: tuple[int, ...], about: Settings) -> None:
        super().__init__()
        from transformers.audio_utils import mel_filter_bank

        rate = int(about.get("sampling_rate", 16000))
        filters = mel_filter_bank(
            257, int(about["num_mel_bins"]), 20, rate // 2, rate, norm=None,
            mel_scale="kaldi", triangularize_in_mel_space=True,
        )  # fmt: skip
        self.spectra = Spectra(np.hanning(400), 160, 512, filters, emphasis=0.97)
        self.steps = int(about["max_length"])
        normal = about.get("do_normalize", True)
        self.mean = float(about["mean"]) if normal else 0.0
        self.spread = 2 * float(about["std"]) if normal else 1.0

    def forward(self, x: Tensor) -> Tensor:
        mel = self.spectra(x).clamp_min(torch.finfo(torch.float32).eps).log()
        whole = F.pad(mel[:, : self.steps], (0, 0, 0, max(0, self.steps - mel.shape[1])))
        return (whole - self.mean) / self.spread


def steps_of(length: int, hop: int, stride: int) -> int:
    """States of Whisper's encoder that a wave of this length takes, at least one."""
    return max(1, ceil(length / hop / stride))
