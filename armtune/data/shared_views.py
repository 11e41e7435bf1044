"""Standardised views in files of the cache, which a machine's workers share by mapping them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from armtune.data.cache import CacheWriter, digest_of, stored
from armtune.data.rows import Floats
from armtune.data.standardize import Present, Standardization, standardized

SHARED_FROM = 1 << 24
"""Bytes from which a view is shared; a smaller one is sooner made anew than found."""
BUILDER = 1
"""Raised whenever the same scale would give other numbers."""


def shared_view(
    view: NDArray[np.float32], present: Present, scale: Standardization, digest: str
) -> Floats:
    """A view standardised, from the cache: made and written there if it isn't yet.

    Args:
        view: ``(sample, *shape)``.
        present: which samples have the modality, ``(sample,)``; None for all.
        digest: of the data and of which part of them this is.

    Returns:
        the view, memory-mapped; what is written to it would stay this process's own.

    Raises:
        DataError: the cache can't be written.
    """
    content = b"".join(value.tobytes() for value in scale.arrays.values())
    scales = hashlib.sha256(content).hexdigest()
    parts = {"builder": BUILDER, "data": digest, "shape": list(view.shape), "scales": scales}

    def build(writer: CacheWriter) -> dict[str, str]:
        writer.add("view", len(view), standardized(view, present, scale))
        return {"data": digest}

    arrays, _ = stored("standardized", digest_of(parts), build)
    mapped: Floats = np.load(arrays["view"].filename, mmap_mode="c")  # type: ignore[attr-defined]
    return mapped
