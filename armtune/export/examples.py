"""Samples that show what joining the modalities does: right together and wrong alone, or not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset, Split
from armtune.data.columns.modalities import Text, restored
from armtune.data.folding import judged
from armtune.data.vocabulary import Vocabulary
from armtune.export.previews import Preview, preview
from armtune.files import write_text

MOST = 24
"""Samples of all sets together, about."""
EACH = (2, 6)
"""Fewest and most of a set."""
Mask = NDArray[np.bool_]


def chosen(sets: int, together: Mask, alone: Mask, there: Mask) -> dict[str, list[int]]:
    """Numbers of samples that are told apart, some of each kind, evenly spread.

    Args:
        sets: how many there will be in all.
        together: samples that are right with all modalities.
        alone: those that are right with one alone.
        there: those that have it.

    Returns:
        ``together``: those that are right together only; ``alone``: those that are alone only.
    """
    most = min(EACH[1], max(EACH[0], MOST // sets))
    return {
        "together": _some(together & ~alone & there, most),
        "alone": _some(alone & ~together & there, most),
    }


def _some(of: Mask, most: int) -> list[int]:
    numbers = np.flatnonzero(of)
    picks = np.linspace(0, len(numbers) - 1, min(most, len(numbers))).astype(int)
    return [int(number) for number in numbers[picks]]


def write_examples(path: Path, dataset: Dataset, outcomes: Mapping[str, Any]) -> None:
    """Writes what the samples look like that ``outcomes`` names; nothing where it names none.

    It stays in the run's folder: a bundle has no sample in it.

    Args:
        outcomes: as the bundle's manifest has them.
    """
    numbers = {
        entry["sample"]
        for kinds in outcomes.get("examples", {}).values()
        for entries in kinds.values()
        for entry in entries
    }
    if not numbers:
        path.unlink(missing_ok=True)
        return
    split = outcomes["split"]
    shown = {str(n): found for n, found in _previews(dataset, judged(dataset, split), numbers)}
    about = {"data": dataset.digest, "split": split, "samples": shown}
    write_text(path, json.dumps(about, indent=1))


def _previews(
    dataset: Dataset, split: Split, numbers: Iterable[int]
) -> Iterable[tuple[int, dict[str, Preview]]]:
    """By sample what each modality that it has looks like."""
    by = {m: restored(about) for m, about in dataset.prepared.items()} | _texts(dataset)
    for number in sorted(numbers):
        there = [m for m in split.views if m not in split.present or split.present[m][number]]
        yield number, {m: preview(np.asarray(split.views[m][number]), by.get(m)) for m in there}


def _texts(dataset: Dataset) -> dict[str, Text]:
    """Modalities that are numbers of words whose words the data set tells."""
    return {
        m: Text((m,), Vocabulary(tuple(words)), dataset.shapes[m][0])
        for m, words in dataset.vocabularies.items()
    }
