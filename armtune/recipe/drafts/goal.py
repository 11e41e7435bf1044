"""What is to be predicted, told by the labels, and the metric that suits it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.errors import DataError
from armtune.recipe.drafts.draft import Goal
from armtune.targets import kinds
from armtune.targets.labels import SEPARATOR

SKEWED = 5.0
"""How many times more samples the largest class has than the smallest, where they are skewed."""
FEW = 20
"""Different whole numbers up to which they are classes."""
EACH = 5
"""Samples a class, on average, from which whole numbers are classes."""
MOST_COUNTED = 200
"""Whole numbers that count from 0 or 1 without gaps are classes up to so many."""
OFTEN = 0.05
"""Share of the texts with a separator from which they are several labels."""
STATED = "as --target says"


def goal_of(
    raw: NDArray[Any],
    place: str,
    stated: str | None,
    why: str = STATED,
    names: NDArray[np.str_] | None = None,
) -> Goal:
    """What labels are to be, and what to maximize.

    Args:
        raw: ``(sample, …)``, numbers or text.
        place: what messages call them.
        stated: the kind of target, where there is no choice.
        why: there is none.
        names: what classes are told apart by, where not by ``raw``: ``01`` and ``1`` are two.

    Raises:
        DataError: there is one class only, or hardly a second sample of any.
    """
    kind, why = (stated, why) if stated else _kind(raw, place)
    if kind == "classes":
        return _classes(raw if names is None else names, place, why)
    score = kinds()[kind].score
    return Goal(kind, why, score)


def _kind(raw: NDArray[Any], place: str) -> tuple[str, str]:
    """The kind of target, and why it is that.

    Raises:
        DataError: nothing can be predicted that is stored so.
    """
    if raw.dtype.kind not in "biufUS":
        raise DataError(f"{place}: labels must be numbers or text, not {raw.dtype}")
    if raw.ndim > 1:
        if np.isin(raw, (0, 1)).all():
            return "labels", f"0 and 1 for each of {raw.shape[1]} labels"
        return "values", f"{raw.shape[1]} numbers a sample"
    if raw.dtype.kind == "b":
        return "classes", "true or false"
    if raw.dtype.kind in "US":
        return _kind_of_text(raw.astype(str))
    different = np.unique(raw[np.isfinite(raw)] if raw.dtype.kind == "f" else raw)
    if not len(different):
        raise DataError(f"{place}: no label is a finite number")
    if (different != np.round(different)).any():
        return "values", "numbers with fractions"
    return _kind_of_whole(different, len(raw))


def _kind_of_text(cells: NDArray[np.str_]) -> tuple[str, str]:
    parts = {part.strip() for cell in cells for part in cell.split(SEPARATOR)}
    several = float(np.mean([SEPARATOR in cell for cell in cells]))
    if several >= OFTEN and len(parts) < len(np.unique(cells)):
        return "labels", f"{SEPARATOR!r} stands between names in {several:.0%} of the rows"
    return "classes", "names"


def _kind_of_whole(different: NDArray[Any], count: int) -> tuple[str, str]:
    """What whole numbers are."""
    lowest, highest, size = different[0], different[-1], len(different)
    counted = lowest in (0, 1) and highest - lowest == size - 1
    if size * EACH <= count and (size <= FEW or (counted and size <= MOST_COUNTED)):
        return "classes", "whole numbers"
    return "values", f"{size} different whole numbers from {lowest:g} to {highest:g}"


def _classes(raw: NDArray[Any], place: str, why: str) -> Goal:
    names, counts = np.unique(raw, return_counts=True)
    if len(names) == 1:
        raise DataError(f"{place}: all {len(raw)} labels are the same, {str(names[0])!r}")
    if 2 * len(names) > len(raw):
        raise DataError(
            f"{place}: {len(names)} different names in {len(raw)} samples are no classes; "
            f"name another label"
        )
    most, least = counts.argmax(), counts.argmin()
    ratio = counts[most] / counts[least]
    each = f"{counts[least]} to {counts[most]}" if ratio > 1 else str(counts[most])
    words = f"{len(names)} classes ({why}) of {each} samples"
    if ratio < SKEWED:
        return Goal("classes", words, "accuracy")
    return Goal(
        "classes",
        words,
        "macro_f1",
        f"in macro_f1 all classes count alike, however rare: {str(names[most])!r} has "
        f"{ratio:.3g} times the samples of {str(names[least])!r}",
        "balance_classes: true would draw all classes equally often",
    )
