"""Samples that lack a modality: which they are, and what a recipe says becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from armtune.data.rows import Mask, as_float32, pieces
from armtune.errors import DataError

Absent = Literal["error", "keep", "skip"]
"""What becomes of samples that lack a modality: an error, trained on with what they have, or left
out."""


def settle(how: Absent, present: Mapping[str, Mask], place: str) -> tuple[dict[str, Mask], Mask]:
    """What a recipe makes of samples that lack modalities.

    Args:
        present: which samples have each modality, ``(sample,)``.
        place: what messages call the data.

    Returns:
        the masks of modalities that samples lack, and which samples are to be used.

    Raises:
        DataError: samples lack one and ``how`` doesn't say what to do; names the first.
    """
    lacked = {m: there for m, there in present.items() if not there.all()}
    whole = np.logical_and.reduce(list(present.values()))
    if not lacked or how == "skip":
        return {}, whole
    if how == "keep":
        return lacked, np.ones(len(whole), bool)
    first = int(whole.argmin())
    name = next(m for m, there in lacked.items() if not there[first])
    raise DataError(
        f"{place}: {int((~whole).sum())} of {len(whole)} samples lack a modality, the first is "
        f"sample {first}, without {name}; absent: keep trains on what they have, absent: skip "
        f"leaves them out"
    )


def scan(view: NDArray[Any], there: Mask, holes: bool = False) -> tuple[Mask, int | None]:
    """Which samples of a view are present, and the first of these with a bad number.

    Args:
        view: ``(sample, *shape)``; a sample of NaN throughout is absent.
        there: which samples are said to be present, ``(sample,)``.
        holes: whether some of a sample's numbers may be NaN.

    Returns:
        the mask, and the number of a sample that holds a NaN or an infinity (as float32), if any.
    """
    present = there.copy()
    for piece in pieces(view):
        part = as_float32(view[piece]).reshape(piece.stop - piece.start, -1)
        finite = np.isfinite(part).all(axis=1)
        if finite.all():
            continue
        present[piece] &= ~np.isnan(part).all(axis=1)
        bad = present[piece] & (np.isinf(part).any(axis=1) if holes else ~finite)
        if bad.any():
            return present, piece.start + int(bad.argmax())
    return present, None


def skipped(count: int) -> str:
    """For a data set's description, how many samples were left out."""
    return f"; {count} samples that lack a modality left out" if count else ""
