"""A split that stays in its memory-mapped files: batches are gathered while the last one trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from armtune.data import Split
from armtune.data.prefetch import prefetched
from armtune.data.standardize import Standardization
from armtune.nn.forward import Batch, Features


class StreamedSplit:
    """Gives what ``DeviceSplit`` gives, to the last bit, and holds only labels in memory.

    A thread reads and standardises the next batches, whose order is known, while one is used. For
    a GPU they lie in page-locked memory, from which they are copied while the GPU computes.

    Args:
        split: the samples.
        scales: how each view is standardised.
        labels: the samples' labels, ``(sample, …)``, on the device.
        present: which samples have a modality, ``(sample,)``, of modalities that some lack, on the
            device.
        dtype: floating type of the batches.
    """

    def __init__(
        self,
        split: Split,
        scales: Mapping[str, Standardization],
        labels: Tensor,
        present: Features,
        dtype: torch.dtype,
    ) -> None:
        self.labels, self.present = labels, present
        self._split, self._scales, self._dtype = split, scales, dtype

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> Batch:
        """See ``DeviceSplit.take``."""
        return self._batch(self._gathered(index.cpu()), index)

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """See ``DeviceSplit.batches``."""
        gathered = prefetched(self._gathered, rows.cpu().split(size, dim=1), threads=1)
        for views, index in zip(gathered, rows.split(size, dim=1), strict=True):
            yield self._batch(views, index)

    def chunks(self, size: int) -> Iterator[Batch]:
        """See ``DeviceSplit.chunks``."""
        wanted = torch.arange(len(self)).split(size)
        gathered = prefetched(self._gathered, wanted, threads=1)
        for views, index in zip(gathered, wanted, strict=True):
            yield self._batch(views, index.to(self.labels.device))

    def _batch(self, views: Features, index: Tensor) -> Batch:
        device = self.labels.device
        moved = {m: view.to(device, non_blocking=True) for m, view in views.items()}
        present = {m: there[index] for m, there in self.present.items()}
        return Batch(moved, self.labels[index], present)

    def _gathered(self, index: Tensor) -> Features:
        numbers = index.flatten().numpy()
        return {m: self._view(m, numbers).unflatten(0, tuple(index.shape)) for m in self._scales}

    def _view(self, modality: str, numbers: NDArray[np.int64]) -> Tensor:
        scaled = self._scales[modality].apply(np.asarray(self._split.views[modality][numbers]))
        if modality in self._split.present:
            scaled[~self._split.present[modality][numbers]] = 0
        view = torch.from_numpy(scaled).to(self._dtype)
        return view.pin_memory() if self.labels.device.type == "cuda" else view
