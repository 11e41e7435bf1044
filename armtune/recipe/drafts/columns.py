"""The columns of a table, each in its place: a modality's, or left out with a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from armtune.data.columns.guess import FILES, Guess, guess_columns
from armtune.data.columns.leaks import DETERMINES, leak
from armtune.data.formats.columns import ColumnStore
from armtune.data.splits import SPLITS
from armtune.errors import DataError
from armtune.recipe.document import MOST_ENTRIES
from armtune.recipe.drafts.draft import MOST, name_of
from armtune.recipe.drafts.labels import looks_like_groups

if TYPE_CHECKING:
    import pyarrow as pa

FACTS, TEXT = "facts", "text"
"""Modalities of several columns."""
MEASURED = ("number", "date")
"""Types of which one column may tell the classes apart and be no leak."""
LONG = 30.0
"""Words a cell from which a column of texts is a modality by itself."""
LOOKED_AT = 2000
"""Cells whose words are counted."""


@dataclass
class Sorted:
    """What becomes of each column but the label.

    Attributes:
        guesses: of the columns that are used, by name.
        modalities: the columns of each modality.
        groups: the column of groups and how many there are, if one is.
        split: the column of splits, if one is.
        left_out: sentences on the others.
    """

    guesses: dict[str, Guess] = field(default_factory=dict)
    modalities: dict[str, list[str]] = field(default_factory=dict)
    groups: tuple[str, int] | None = None
    split: str | None = None
    left_out: list[str] = field(default_factory=list)

    def kind(self, modality: str) -> str:
        """What a modality's columns hold: a type of files, ``text`` or ``facts``."""
        found = self.guesses[self.modalities[modality][0]].type
        return found if found in (*FILES, TEXT) else FACTS

    def of_kind(self, *kinds: str) -> list[str]:
        """The modalities of these kinds."""
        return [modality for modality in self.modalities if self.kind(modality) in kinds]


def sort_columns(store: ColumnStore, label: str) -> Sorted:
    """Sorts a table's columns.

    Raises:
        DataError: a path leads nowhere, or no column is left to learn from.
    """
    found = Sorted()
    labels = store.cells(label)
    others = [name for name in store.names if name != label]
    for name, guess in guess_columns(store, others[:MOST_ENTRIES]).items():
        if _cuts(store, guess, found):
            continue
        said = guess.reason.removesuffix(": left out") if guess.left_out else ""
        told = said or _leak(store, guess, labels)
        if told.startswith(DETERMINES) and guess.type in MEASURED:
            found.left_out.append(f"{name} {told}; is it known before the label is?")
            told = ""
        if told:
            found.left_out.append(
                f"{name or repr(name)} is left out: {told}{'' if said else ': a leak'}"
            )
        else:
            found.guesses[name] = guess
    if more := len(others[MOST_ENTRIES:]):
        found.left_out.append(
            f"{more:,} columns more are left out: a recipe lists {MOST_ENTRIES:,} at most; "
            f"patterns, such as {others[-1][:1]}*, take more"
        )
    for name in (name for name, guess in found.guesses.items() if guess.type in FILES):
        _refuse_lost(store, name)
    _as_modalities(store, found)
    return found


def examples(guess: Guess, rows: int) -> str:
    """What a column holds, in words."""
    shown = ", ".join(repr(cell if len(cell) <= 40 else cell[:37] + "…") for cell in guess.examples)
    gone = f"; {guess.missing:,} of {rows:,} are missing" if guess.missing else ""
    return f"{guess.name}: {guess.type} ({guess.reason}), as {shown}{gone}"


def _cuts(store: ColumnStore, guess: Guess, found: Sorted) -> bool:
    """Whether a column tells splits or groups; notes it then."""
    if guess.type in ("empty", "constant", "unread", *FILES):
        return False
    if store.holds_fractions(guess.name):
        return False
    cells = store.text(guess.name)
    names = np.unique(cells)
    if found.split is None and set(names) <= set(SPLITS) and SPLITS[0] in names:
        found.split = guess.name
        return True
    groups = looks_like_groups(guess.name, len(names), len(store)) and (cells != "").all()
    if groups and found.groups is None:
        found.groups = guess.name, len(names)
        return True
    return False


def _leak(store: ColumnStore, guess: Guess, labels: pa.Array | None) -> str:
    """How a column tells the label; empty where it doesn't. Of files, only the content counts."""
    cells = store.cells(guess.name)
    if guess.type in FILES or cells is None or labels is None:
        return ""
    return leak(cells, labels)


def _refuse_lost(store: ColumnStore, name: str) -> None:
    """Refuses paths that lead nowhere.

    Raises:
        DataError: one does; names its row.
    """
    cells = store.text(name).tolist()
    lost = [row for row, cell in enumerate(cells, 1) if cell and not _is_there(store.folder / cell)]
    if lost:
        more = f" ({len(lost)} of {len(cells)} paths lead nowhere)" if len(lost) > 1 else ""
        first = store.folder / cells[lost[0] - 1]
        raise DataError(
            f"{store.at(name)}: row {lost[0]}: {first} isn't there{more}; an empty cell "
            f"would keep the row without it"
        )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _as_modalities(store: ColumnStore, found: Sorted) -> None:
    """Files a modality each, long texts as well, short ones together, and facts together."""
    types = {name: guess.type for name, guess in found.guesses.items()}
    files = [name for name, kind in types.items() if kind in FILES]
    texts = [name for name, kind in types.items() if kind == TEXT]
    facts = [name for name, kind in types.items() if kind not in (*FILES, TEXT)]
    room = MOST - len(files) - bool(facts)
    long = [name for name in texts if _words(store, name) >= LONG]
    apart = long if len(long) + (len(long) < len(texts)) <= room else []
    short = [name for name in texts if name not in apart]
    for name in (*files, *apart):
        found.modalities[name_of(name, found.modalities, "column")] = [name]
    for usual, names in ((TEXT, short), (FACTS, facts)):
        if names:
            own = names[0] if len(names) == 1 and usual == TEXT else usual
            found.modalities[name_of(own, found.modalities, "column")] = names
    _drop_last(found)
    if not found.modalities:
        why = "; ".join(found.left_out) or "the label is the only column"
        raise DataError(f"{store.path}: no column is left to learn from: {why}")


def _drop_last(found: Sorted) -> None:
    """Leaves out what is too much for one recipe."""
    for modality in list(found.modalities)[MOST:]:
        names = ", ".join(found.modalities.pop(modality))
        found.left_out.append(f"{names} left out: a recipe has {MOST} modalities at most")


def _words(store: ColumnStore, name: str) -> float:
    cells = [cell for cell in store.text(name)[:LOOKED_AT].tolist() if cell]
    return float(np.mean([len(cell.split()) for cell in cells])) if cells else 0.0
