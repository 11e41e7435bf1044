"""What is said of a table: how many samples there are, what was left out, filled or is in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from armtune.data import Columns
from armtune.data.columns.guess import Guess
from armtune.data.splits import Indices

MOST = 8
"""Columns that are named in a warning."""


def sizes(indices: Indices) -> str:
    return f", {' + '.join(str(len(index)) for index in indices.values())} samples"


def filled(count: int, missing: str) -> str:
    told = " and told by numbers of their own" if missing == "indicator" else ""
    return f"; {count} missing cells filled by training means{told}" if count else ""


def damaged(said: Sequence[str]) -> str:
    if not said:
        return ""
    return f"; {len(said)} samples with damaged files left out, the first: {said[0]}"


def unlabelled(known: NDArray[np.bool_]) -> str:
    count = len(known) - int(known.sum())
    return f"; {count} of {len(known)} rows have no label and are left out" if count else ""


def left_out(guesses: Mapping[str, Sequence[Guess]]) -> str:
    gone = {g.name: g.type for own in guesses.values() for g in own if g.left_out}
    few = [f"{name} ({kind})" for name, kind in list(gone.items())[:MOST]]
    more = f" and {len(gone) - MOST} more" if len(gone) > MOST else ""
    return f"; columns left out: {', '.join(few)}{more}" if gone else ""


def strangers(guesses: Mapping[str, Sequence[Guess]]) -> str:
    """Warnings of columns of numbers but for a few cells."""
    doubts = {g.name: g for own in guesses.values() for g in own if g.doubt}
    said = (f"; column {name!r} is no number: {g.doubt}" for name, g in doubts.items())
    return "".join(list(said)[:MOST])


def shared(columns: Columns) -> str:
    """A warning of columns in several modalities: what these contribute can't be told apart."""
    counts = Counter(name for names in columns.values() for name in names)
    several = [name for name, count in counts.items() if count > 1]
    more = f" and {len(several) - MOST} more" if len(several) > MOST else ""
    return f"; in several modalities: {', '.join(several[:MOST])}{more}" if several else ""


def missing(modality: str, columns: Sequence[str], holes: NDArray[np.bool_]) -> str:
    row, column = np.argwhere(holes)[0]
    count = int(holes.any(axis=0).sum())
    whole = int(holes.all(axis=1).sum()) if len(columns) > 1 else 0
    hint = f"; {whole} rows have none, which absent: keep or skip would allow" if whole else ""
    return (
        f"{modality}: {int(holes.sum())} of {holes.size} cells are missing, in {count} of "
        f"{len(columns)} columns; the first is in row {row + 1} of {columns[column]!r}. "
        f"missing: mean would fill them by the training samples' means, missing: indicator "
        f"would also tell that they were{hint}"
    )
